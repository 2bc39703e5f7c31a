/* What is known of an object in one step: a line of 16 floats, one cache line (see steps.pyx).
 * All NaN: the object has no trajectory at the start, middle or end of the step. */
#ifndef TRACSS_LINE_H
#define TRACSS_LINE_H

#define LINE 16

enum line_field { X, Y, Z, VX, VY, VZ, LOW, HIGH, TRAVEL, GRAIN, FORCE };

#endif
