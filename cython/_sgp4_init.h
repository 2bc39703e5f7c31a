/* Initialisation of SGP4/SDP4: mean elements of one object to one row of coefficients.
 *
 * The model is that of Spacetrack Report 3 as corrected by Vallado, Crawford, Hujsak and Kelso
 * (AIAA 2006-6753), WGS-72 constants, "improved" mode; coefficients keep the report's names. Time
 * in minutes, length in earth radii, angles in rad. python-sgp4 does not show its own coefficients
 * (few fields of its C++ record are public), so they are made here, without libm: that also makes
 * them equal on every processor.
 */
#ifndef TRACSS_SGP4_INIT_H
#define TRACSS_SGP4_INIT_H

#include "_lanes.h"

#define EARTH_RADIUS_KM 6378.135
#define XKE 0.07436691613317342 /* 60 / sqrt(EARTH_RADIUS_KM^3 / 398600.8) */
#define J2 0.001082616
#define J3 (-0.00000253881)
#define J4 (-0.00000165597)
#define J3OJ2 (J3 / J2)

#define ZNS 1.19459e-5   /* mean motion of the sun, rad/min */
#define ZES 0.01675      /* eccentricity of its orbit */
#define ZNL 1.5835218e-4 /* the same of the moon */
#define ZEL 0.05490
#define RPTIM 4.37526908801129966e-3 /* rotation of the earth, rad/min */
#define STEP 720.0                   /* of the resonance integrator, min */

enum kind { NEAR = 0, DEEP = 1, RESONANT = 2 };

/* Columns of the coefficient table. A near-earth object uses those up to X7THM1. */
enum field {
    EPOCH_JD, EPOCH_FR, MO, MDOT, ARGPO, ARGPDOT, NODEO, NODEDOT, NODECF, CC1, BSTAR_CC4, T2COF,
    NO, ECCO, AO, SINIO, COSIO, AYCOF,
    XLCOF, OMGCOF, ETA, XMCOF, DELMO, D2, D3, D4, BSTAR_CC5, SINMAO, T3COF, T4COF, T5COF,
    CON41, X1MTH2, X7THM1,
    NEAR_FIELDS,
    /* A deep-space one uses those up to ECCO and these. */
    INCLO = AO, DEDT = SINIO, DIDT, DMDT, DNODT, DOMDT, GSTO, ZMOS, ZMOL,
    SE2, SE3, SI2, SI3, SL2, SL3, SL4, SGH2, SGH3, SGH4, SH2, SH3,
    EE2, E3, XI2, XI3, XL2, XL3, XL4, XGH2, XGH3, XGH4, XH2, XH3,
    IREZ,
    DEEP_FIELDS,
    /* Only the resonance integrator: ten amplitudes (12 h) or three (24 h). */
    XLAMO = DEEP_FIELDS, XFACT, D2201, D2211, D3210, D3222, D4410, D4422, D5220, D5232, D5421,
    D5433,
    ALL_FIELDS,
    DEL1 = D2201, DEL2, DEL3
};

/* What the sun or the moon does to the orbit at epoch (Report 3, section 10). */
struct third_body {
    double s1, s2, s3, s4, s5, s6, s7, z1, z2, z3, z11, z12, z13, z21, z22, z23, z31, z32, z33;
};

/* Direction cosines of the perturbing orbit: argument, inclination, node relative to the object. */
static void third_body_terms(struct third_body *b, double cosg, double sing, double cosi,
                             double sini, double cosh, double sinh, double cosim, double sinim,
                             double cosom, double sinom, double em, double cc, double nm)
{
    double emsq = em * em, betasq = 1.0 - emsq, rtemsq = sqrt(betasq);
    double a1 = cosg * cosh + sing * cosi * sinh;
    double a3 = -sing * cosh + cosg * cosi * sinh;
    double a7 = -cosg * sinh + sing * cosi * cosh;
    double a8 = sing * sini;
    double a9 = sing * sinh + cosg * cosi * cosh;
    double a10 = cosg * sini;
    double a2 = cosim * a7 + sinim * a8;
    double a4 = cosim * a9 + sinim * a10;
    double a5 = -sinim * a7 + cosim * a8;
    double a6 = -sinim * a9 + cosim * a10;
    double x1 = a1 * cosom + a2 * sinom;
    double x2 = a3 * cosom + a4 * sinom;
    double x3 = -a1 * sinom + a2 * cosom;
    double x4 = -a3 * sinom + a4 * cosom;
    double x5 = a5 * sinom, x6 = a6 * sinom, x7 = a5 * cosom, x8 = a6 * cosom;
    b->z31 = 12.0 * x1 * x1 - 3.0 * x3 * x3;
    b->z32 = 24.0 * x1 * x2 - 6.0 * x3 * x4;
    b->z33 = 12.0 * x2 * x2 - 3.0 * x4 * x4;
    b->z1 = 3.0 * (a1 * a1 + a2 * a2) + b->z31 * emsq;
    b->z2 = 6.0 * (a1 * a3 + a2 * a4) + b->z32 * emsq;
    b->z3 = 3.0 * (a3 * a3 + a4 * a4) + b->z33 * emsq;
    b->z11 = -6.0 * a1 * a5 + emsq * (-24.0 * x1 * x7 - 6.0 * x3 * x5);
    b->z12 = -6.0 * (a1 * a6 + a3 * a5)
           + emsq * (-24.0 * (x2 * x7 + x1 * x8) - 6.0 * (x3 * x6 + x4 * x5));
    b->z13 = -6.0 * a3 * a6 + emsq * (-24.0 * x2 * x8 - 6.0 * x4 * x6);
    b->z21 = 6.0 * a2 * a5 + emsq * (24.0 * x1 * x5 - 6.0 * x3 * x7);
    b->z22 = 6.0 * (a4 * a5 + a2 * a6)
           + emsq * (24.0 * (x2 * x5 + x1 * x6) - 6.0 * (x4 * x7 + x3 * x8));
    b->z23 = 6.0 * a4 * a6 + emsq * (24.0 * x2 * x6 - 6.0 * x4 * x8);
    b->z1 = b->z1 + b->z1 + betasq * b->z31;
    b->z2 = b->z2 + b->z2 + betasq * b->z32;
    b->z3 = b->z3 + b->z3 + betasq * b->z33;
    b->s3 = cc * (1.0 / nm);
    b->s2 = -0.5 * b->s3 / rtemsq;
    b->s4 = b->s3 * rtemsq;
    b->s1 = -15.0 * em * b->s4;
    b->s5 = x1 * x3 + x2 * x4;
    b->s6 = x2 * x3 + x1 * x4;
    b->s7 = x2 * x4 - x1 * x3;
}

/* Amplitudes of the half-day resonance: inclination functions F times eccentricity functions G. */
static void half_day_terms(double *row, double e, double nm, double cosi, double sini)
{
    double ee = e * e, eee = e * ee, c2 = cosi * cosi, s2 = sini * sini;
    double g201 = -0.306 - (e - 0.64) * 0.440, g211, g310, g322, g410, g422, g520, g521, g532, g533;
    if (e <= 0.65) {
        g211 = 3.616 - 13.2470 * e + 16.2900 * ee;
        g310 = -19.302 + 117.3900 * e - 228.4190 * ee + 156.5910 * eee;
        g322 = -18.9068 + 109.7927 * e - 214.6334 * ee + 146.5816 * eee;
        g410 = -41.122 + 242.6940 * e - 471.0940 * ee + 313.9530 * eee;
        g422 = -146.407 + 841.8800 * e - 1629.014 * ee + 1083.4350 * eee;
        g520 = -532.114 + 3017.977 * e - 5740.032 * ee + 3708.2760 * eee;
    } else {
        g211 = -72.099 + 331.819 * e - 508.738 * ee + 266.724 * eee;
        g310 = -346.844 + 1582.851 * e - 2415.925 * ee + 1246.113 * eee;
        g322 = -342.585 + 1554.908 * e - 2366.899 * ee + 1215.972 * eee;
        g410 = -1052.797 + 4758.686 * e - 7193.992 * ee + 3651.957 * eee;
        g422 = -3581.690 + 16178.110 * e - 24462.770 * ee + 12422.520 * eee;
        if (e > 0.715)
            g520 = -5149.66 + 29936.92 * e - 54087.36 * ee + 31324.56 * eee;
        else
            g520 = 1464.74 - 4664.75 * e + 3763.64 * ee;
    }
    if (e < 0.7) {
        g533 = -919.22770 + 4988.6100 * e - 9064.7700 * ee + 5542.21 * eee;
        g521 = -822.71072 + 4568.6173 * e - 8491.4146 * ee + 5337.524 * eee;
        g532 = -853.66600 + 4690.2500 * e - 8624.7700 * ee + 5341.4 * eee;
    } else {
        g533 = -37995.780 + 161616.52 * e - 229838.20 * ee + 109377.94 * eee;
        g521 = -51752.104 + 218913.95 * e - 309468.16 * ee + 146349.42 * eee;
        g532 = -40023.880 + 170470.89 * e - 242699.48 * ee + 115605.82 * eee;
    }
    double f220 = 0.75 * (1.0 + 2.0 * cosi + c2);
    double f221 = 1.5 * s2;
    double f321 = 1.875 * sini * (1.0 - 2.0 * cosi - 3.0 * c2);
    double f322 = -1.875 * sini * (1.0 + 2.0 * cosi - 3.0 * c2);
    double f441 = 35.0 * s2 * f220;
    double f442 = 39.3750 * s2 * s2;
    double f522 = 9.84375 * sini * (s2 * (1.0 - 2.0 * cosi - 5.0 * c2)
                + 0.33333333 * (-2.0 + 4.0 * cosi + 6.0 * c2));
    double f523 = sini * (4.92187512 * s2 * (-2.0 - 4.0 * cosi + 10.0 * c2)
                + 6.56250012 * (1.0 + 2.0 * cosi - 3.0 * c2));
    double f542 = 29.53125 * sini * (2.0 - 8.0 * cosi + c2 * (-12.0 + 8.0 * cosi + 10.0 * c2));
    double f543 = 29.53125 * sini * (-2.0 - 8.0 * cosi + c2 * (12.0 + 8.0 * cosi - 10.0 * c2));
    double aonv = two_thirds_one(nm / XKE), temp1 = 3.0 * (nm * nm) * (aonv * aonv), temp;
    temp = temp1 * 1.7891679e-6;
    row[D2201] = temp * f220 * g201;
    row[D2211] = temp * f221 * g211;
    temp1 = temp1 * aonv;
    temp = temp1 * 3.7393792e-7;
    row[D3210] = temp * f321 * g310;
    row[D3222] = temp * f322 * g322;
    temp1 = temp1 * aonv;
    temp = 2.0 * temp1 * 7.3636953e-9;
    row[D4410] = temp * f441 * g410;
    row[D4422] = temp * f442 * g422;
    temp1 = temp1 * aonv;
    temp = temp1 * 1.1428639e-7;
    row[D5220] = temp * f522 * g520;
    row[D5232] = temp * f523 * g532;
    temp = 2.0 * temp1 * 2.1765803e-9;
    row[D5421] = temp * f542 * g521;
    row[D5433] = temp * f543 * g533;
}

/* Amplitudes of the one-day resonance. */
static void one_day_terms(double *row, double emsq, double nm, double cosi, double sini)
{
    double g200 = 1.0 + emsq * (-2.5 + 0.8125 * emsq);
    double g310 = 1.0 + 2.0 * emsq;
    double g300 = 1.0 + emsq * (-6.0 + 6.60937 * emsq);
    double f220 = 0.75 * (1.0 + cosi) * (1.0 + cosi);
    double f311 = 0.9375 * sini * sini * (1.0 + 3.0 * cosi) - 0.75 * (1.0 + cosi);
    double f330 = 1.0 + cosi;
    double aonv = two_thirds_one(nm / XKE), del1 = 3.0 * nm * nm * aonv * aonv;
    f330 = 1.875 * f330 * f330 * f330;
    row[DEL1] = del1 * f311 * g310 * 2.1460748e-6 * aonv;
    row[DEL2] = 2.0 * del1 * f220 * g200 * 1.7891679e-6;
    row[DEL3] = 3.0 * del1 * f330 * g300 * 2.2123015e-7 * aonv;
}

/* Moon, sun and resonance. `day` counts from 1899-12-31T12:00. */
static int deep_space(double *row, double day, double inclo, double xpidot)
{
    double nm = row[NO], em = row[ECCO], emsq = em * em;
    double snodm, cnodm, sinom, cosom, sini, cosi, stem, ctem, zcosgl, zsingl;
    sincos_one(row[NODEO], &snodm, &cnodm);
    sincos_one(row[ARGPO], &sinom, &cosom);
    sincos_one(inclo, &sini, &cosi);
    double xnodce = fmod_turn_one(4.5236020 - 9.2422029e-4 * day);
    sincos_one(xnodce, &stem, &ctem);
    double zcosil = 0.91375164 - 0.03568096 * ctem;
    double zsinil = sqrt(1.0 - zcosil * zcosil);
    double zsinhl = 0.089683511 * stem / zsinil;
    double zcoshl = sqrt(1.0 - zsinhl * zsinhl);
    double gam = 5.8351514 + 0.0019443680 * day;
    double zx = 0.39785416 * stem / zsinil;
    double zy = zcoshl * ctem + 0.91744867 * zsinhl * stem;
    sincos_one(gam + atan2_one(zx, zy) - xnodce, &zsingl, &zcosgl);

    struct third_body sun, moon;
    third_body_terms(&sun, 0.1945905, -0.98088458, 0.91744867, 0.39785416, cnodm, snodm, cosi, sini,
                     cosom, sinom, em, 2.9864797e-6, nm);
    third_body_terms(&moon, zcosgl, zsingl, zcosil, zsinil, zcoshl * cnodm + zsinhl * snodm,
                     snodm * zcoshl - cnodm * zsinhl, cosi, sini, cosom, sinom, em, 4.7968065e-7,
                     nm);
    row[ZMOL] = fmod_turn_one(4.7199672 + 0.22997150 * day - gam);
    row[ZMOS] = fmod_turn_one(6.2565837 + 0.017201977 * day);
    row[SE2] = 2.0 * sun.s1 * sun.s6;
    row[SE3] = 2.0 * sun.s1 * sun.s7;
    row[SI2] = 2.0 * sun.s2 * sun.z12;
    row[SI3] = 2.0 * sun.s2 * (sun.z13 - sun.z11);
    row[SL2] = -2.0 * sun.s3 * sun.z2;
    row[SL3] = -2.0 * sun.s3 * (sun.z3 - sun.z1);
    row[SL4] = -2.0 * sun.s3 * (-21.0 - 9.0 * emsq) * ZES;
    row[SGH2] = 2.0 * sun.s4 * sun.z32;
    row[SGH3] = 2.0 * sun.s4 * (sun.z33 - sun.z31);
    row[SGH4] = -18.0 * sun.s4 * ZES;
    row[SH2] = -2.0 * sun.s2 * sun.z22;
    row[SH3] = -2.0 * sun.s2 * (sun.z23 - sun.z21);
    row[EE2] = 2.0 * moon.s1 * moon.s6;
    row[E3] = 2.0 * moon.s1 * moon.s7;
    row[XI2] = 2.0 * moon.s2 * moon.z12;
    row[XI3] = 2.0 * moon.s2 * (moon.z13 - moon.z11);
    row[XL2] = -2.0 * moon.s3 * moon.z2;
    row[XL3] = -2.0 * moon.s3 * (moon.z3 - moon.z1);
    row[XL4] = -2.0 * moon.s3 * (-21.0 - 9.0 * emsq) * ZEL;
    row[XGH2] = 2.0 * moon.s4 * moon.z32;
    row[XGH3] = 2.0 * moon.s4 * (moon.z33 - moon.z31);
    row[XGH4] = -18.0 * moon.s4 * ZEL;
    row[XH2] = -2.0 * moon.s2 * moon.z22;
    row[XH3] = -2.0 * moon.s2 * (moon.z23 - moon.z21);

    double shs = -ZNS * sun.s2 * (sun.z21 + sun.z23);
    double shl = -ZNL * moon.s2 * (moon.z21 + moon.z23);
    if (inclo < 5.2359877e-2 || inclo > PI - 5.2359877e-2)
        shs = shl = 0.0;
    if (sini != 0.0)
        shs = shs / sini;
    row[DEDT] = sun.s1 * ZNS * sun.s5 + moon.s1 * ZNL * moon.s5;
    row[DIDT] = sun.s2 * ZNS * (sun.z11 + sun.z13) + moon.s2 * ZNL * (moon.z11 + moon.z13);
    row[DMDT] = -ZNS * sun.s3 * (sun.z1 + sun.z3 - 14.0 - 6.0 * emsq)
              - ZNL * moon.s3 * (moon.z1 + moon.z3 - 14.0 - 6.0 * emsq);
    row[DOMDT] = sun.s4 * ZNS * (sun.z31 + sun.z33 - 6.0) - cosi * shs
               + moon.s4 * ZNL * (moon.z31 + moon.z33 - 6.0);
    row[DNODT] = shs;
    if (sini != 0.0) {
        row[DOMDT] = row[DOMDT] - cosi / sini * shl;
        row[DNODT] = row[DNODT] + shl / sini;
    }

    double theta = fmod_turn_one(row[GSTO]);
    if (nm >= 8.26e-3 && nm <= 9.24e-3 && em >= 0.5) {
        row[IREZ] = 2.0;
        half_day_terms(row, em, nm, cosi, sini);
        row[XLAMO] = fmod_turn_one(row[MO] + row[NODEO] + row[NODEO] - theta - theta);
        row[XFACT] = row[MDOT] + row[DMDT] + 2.0 * (row[NODEDOT] + row[DNODT] - RPTIM) - nm;
        return RESONANT;
    }
    if (nm > 0.0034906585 && nm < 0.0052359877) {
        row[IREZ] = 1.0;
        one_day_terms(row, emsq, nm, cosi, sini);
        row[XLAMO] = fmod_turn_one(row[MO] + row[NODEO] + row[ARGPO] - theta);
        row[XFACT] = row[MDOT] + xpidot - RPTIM + row[DMDT] + row[DOMDT] + row[DNODT] - nm;
        return RESONANT;
    }
    return DEEP;
}

/* Greenwich sidereal time, IAU 1982, of a UT1 Julian date. */
static double sidereal_time(double jd)
{
    double t = (jd - 2451545.0) / 36525.0;
    double s = -6.2e-6 * t * t * t + 0.093104 * t * t + (876600.0 * 3600 + 8640184.812866) * t
             + 67310.54841;
    double angle = fmod_turn_one(s * (PI / 180.0) / 240.0);
    return angle < 0.0 ? angle + TWO_PI : angle;
}

/* Fill `row` (ALL_FIELDS doubles) from mean elements; returns the kind of the object.
 * Elements no orbit can have (eccentricity >= 1, ...) give a row that propagates to the same error
 * code as in python-sgp4: there is no failure here. */
static int initialise_row(double *row, double epoch_jd, double epoch_fr, double bstar, double ecco,
                          double argpo, double inclo, double mo, double no_kozai, double nodeo)
{
    memset(row, 0, ALL_FIELDS * sizeof *row);
    row[EPOCH_JD] = epoch_jd;
    row[EPOCH_FR] = epoch_fr;
    row[MO] = mo;
    row[ARGPO] = argpo;
    row[NODEO] = nodeo;
    row[ECCO] = ecco;

    /* Kozai's mean motion to Brouwer's. */
    double eccsq = ecco * ecco, omeosq = 1.0 - eccsq, rteosq = sqrt(omeosq), sinio, cosio;
    sincos_one(inclo, &sinio, &cosio);
    double cosio2 = cosio * cosio, ak = two_thirds_one(XKE / no_kozai);
    double d1 = 0.75 * J2 * (3.0 * cosio2 - 1.0) / (rteosq * omeosq), del = d1 / (ak * ak);
    double adel = ak * (1.0 - del * del - del * (1.0 / 3.0 + 134.0 * del * del / 81.0));
    del = d1 / (adel * adel);
    double no = no_kozai / (1.0 + del), ao = two_thirds_one(XKE / no), po = ao * omeosq;
    double con42 = 1.0 - 5.0 * cosio2, con41 = -con42 - cosio2 - cosio2, posq = po * po;
    double rp = ao * (1.0 - ecco), epoch = epoch_jd + epoch_fr - 2433281.5;
    row[NO] = no;
    row[AO] = ao;
    row[SINIO] = sinio;
    row[COSIO] = cosio;
    row[CON41] = con41;
    if (!(omeosq >= 0.0 || no >= 0.0))
        return NEAR;

    /* Density function of the atmosphere, lowered for perigees below 156 km. */
    double perige = (rp - 1.0) * EARTH_RADIUS_KM, sfour = 78.0 / EARTH_RADIUS_KM + 1.0;
    double q = (120.0 - 78.0) / EARTH_RADIUS_KM;
    int simple = rp < 220.0 / EARTH_RADIUS_KM + 1.0;
    if (perige < 156.0) {
        sfour = perige < 98.0 ? 20.0 : perige - 78.0;
        q = (120.0 - sfour) / EARTH_RADIUS_KM;
        sfour = sfour / EARTH_RADIUS_KM + 1.0;
    }
    double tsi = 1.0 / (ao - sfour), eta = ao * ecco * tsi, etasq = eta * eta, eeta = ecco * eta;
    double psisq = fabs(1.0 - etasq), coef = (q * q * q * q) * (tsi * tsi * (tsi * tsi));
    double coef1 = coef / (psisq * psisq * psisq * sqrt(psisq)), pinvsq = 1.0 / posq;
    double cc2 = coef1 * no * (ao * (1.0 + 1.5 * etasq + eeta * (4.0 + etasq))
               + 0.375 * J2 * tsi / psisq * con41 * (8.0 + 3.0 * etasq * (8.0 + etasq)));
    double cc1 = bstar * cc2, x1mth2 = 1.0 - cosio2, sin2, cos2, sinw, cosw, sinm, cosm;
    sincos_one(2.0 * argpo, &sin2, &cos2);
    sincos_one(argpo, &sinw, &cosw);
    sincos_one(mo, &sinm, &cosm);
    double cc3 = ecco > 1.0e-4 ? -2.0 * coef * tsi * J3OJ2 * no * sinio / ecco : 0.0;
    double cc4 = 2.0 * no * coef1 * ao * omeosq
               * (eta * (2.0 + 0.5 * etasq) + ecco * (0.5 + 2.0 * etasq)
                  - J2 * tsi / (ao * psisq)
                        * (-3.0 * con41 * (1.0 - 2.0 * eeta + etasq * (1.5 - 0.5 * eeta))
                           + 0.75 * x1mth2 * (2.0 * etasq - eeta * (1.0 + etasq)) * cos2));
    double cc5 = 2.0 * coef1 * ao * omeosq * (1.0 + 2.75 * (etasq + eeta) + eeta * etasq);

    /* Secular rates. */
    double cosio4 = cosio2 * cosio2, temp1 = 1.5 * J2 * pinvsq * no;
    double temp2 = 0.5 * temp1 * J2 * pinvsq, temp3 = -0.46875 * J4 * pinvsq * pinvsq * no;
    double xhdot1 = -temp1 * cosio;
    row[MDOT] = no + 0.5 * temp1 * rteosq * con41
              + 0.0625 * temp2 * rteosq * (13.0 - 78.0 * cosio2 + 137.0 * cosio4);
    row[ARGPDOT] = -0.5 * temp1 * con42 + 0.0625 * temp2 * (7.0 - 114.0 * cosio2 + 395.0 * cosio4)
                 + temp3 * (3.0 - 36.0 * cosio2 + 49.0 * cosio4);
    row[NODEDOT] = xhdot1 + (0.5 * temp2 * (4.0 - 19.0 * cosio2)
                 + 2.0 * temp3 * (3.0 - 7.0 * cosio2)) * cosio;
    row[NODECF] = 3.5 * omeosq * xhdot1 * cc1;
    row[CC1] = cc1;
    row[BSTAR_CC4] = bstar * cc4;
    row[T2COF] = 1.5 * cc1;
    if (2.0 * PI / no >= 225.0) {
        memset(row + AO, 0, (ALL_FIELDS - AO) * sizeof *row);
        row[INCLO] = inclo;
        row[GSTO] = sidereal_time(epoch + 2433281.5);
        return deep_space(row, epoch + 18261.5, inclo, row[ARGPDOT] + row[NODEDOT]);
    }

    row[AYCOF] = -0.5 * J3OJ2 * sinio;
    row[XLCOF] = -0.25 * J3OJ2 * sinio * (3.0 + 5.0 * cosio)
               / (fabs(cosio + 1.0) > 1.5e-12 ? 1.0 + cosio : 1.5e-12);
    row[X1MTH2] = x1mth2;
    row[X7THM1] = 7.0 * cosio2 - 1.0;
    if (simple) /* the terms below stay zero, which leaves them out */
        return NEAR;
    double delmotemp = 1.0 + eta * cosm, cc1sq = cc1 * cc1, d2 = 4.0 * ao * tsi * cc1sq;
    double temp = d2 * tsi * cc1 / 3.0, d3 = (17.0 * ao + sfour) * temp;
    double d4 = 0.5 * temp * ao * tsi * (221.0 * ao + 31.0 * sfour) * cc1;
    row[OMGCOF] = bstar * cc3 * cosw;
    row[ETA] = eta;
    row[XMCOF] = ecco > 1.0e-4 ? -(2.0 / 3.0) * coef * bstar / eeta : 0.0;
    row[DELMO] = delmotemp * delmotemp * delmotemp;
    row[D2] = d2;
    row[D3] = d3;
    row[D4] = d4;
    row[BSTAR_CC5] = bstar * cc5;
    row[SINMAO] = sinm;
    row[T3COF] = d2 + 2.0 * cc1sq;
    row[T4COF] = 0.25 * (3.0 * d3 + cc1 * (12.0 * d2 + 10.0 * cc1sq));
    row[T5COF] = 0.2 * (3.0 * d4 + 12.0 * cc1 * d3 + 6.0 * d2 * d2
                        + 15.0 * cc1sq * (2.0 * d2 + cc1sq));
    return NEAR;
}

#endif
