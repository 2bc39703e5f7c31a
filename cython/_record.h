/* Record of a segment, floats: 3 x KEEP coefficients of a power series in x = (t - centre) * scale,
 * NOISE values (noise of positions, noise of slopes, force), one to spare, then three doubles:
 * centre, scale, until; two to spare. Made by nodes.pyx, read by steps.pyx. */
#ifndef TRACSS_RECORD_H
#define TRACSS_RECORD_H

#define KEEP 12
#define NOISE 3
#define NOISE_AT (3 * KEEP)
#define TIMES_AT (NOISE_AT + 4)
#define RECORD 48 /* 192 bytes, three cache lines */

#endif
