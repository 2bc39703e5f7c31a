/* SGP4/SDP4 at one time per lane. Coefficients come as one vector per field (see enum field).
 *
 * What differs from the usual code, all of it rounding only:
 * - angles that only feed sin and cos are not reduced by fmod first; the node of a deep-space
 *   object is, exactly as fmod does, because SDP4's Lyddane branch uses its value;
 * - sin and cos of a sum with a small term (Newton step of Kepler's equation, short-period terms,
 *   the sun's and moon's equation of the centre) come from those of the large term by a rotation;
 * - atan2 of the argument of latitude, only taken to be put into sin and cos again, is left out;
 * - (xke/n)^(2/3) of a near-earth object is a constant.
 */
#ifndef TRACSS_SGP4_STATE_H
#define TRACSS_SGP4_STATE_H

#include "_sgp4_init.h"

/* Vectors worked on side by side, step by step: one vector's chain of dependent operations is
 * longer than a processor looks ahead. */
#define GROUP 4

/* One vector between two steps. */
struct orbit {
    lanes am, ep, sinw, cosw, u, aycof, xlcof, snod, cnod, sini, cosi, con41, x1mth2, x7thm1, code;
    lanes axnl, aynl, s, c, moved;
    ints active;
};

struct state {
    lanes r[3], v[3], code;
};

/* Long-period terms; u on entry: mean argument of latitude. */
INLINE void start_kepler(struct orbit *o)
{
    lanes temp = 1.0 / (o->am * (1.0 - o->ep * o->ep));
    o->axnl = o->ep * o->cosw;
    o->aynl = o->ep * o->sinw + temp * o->aycof;
    sincos_lanes(nearest_turn(o->u + temp * o->xlcof * o->axnl), &o->s, &o->c);
    o->moved = all(0.0);
    o->active = ~(ints){0};
}

/* Kepler's equation: Newton steps of at most 0.95 until one is below 1e-12, at most ten. The sin
 * and cos kept are those before the last step, as in the reference. */
INLINE void solve_kepler(struct orbit *o, int vectors)
{
    for (int k = 1;; k++) {
        ints some = {0};
        for (int g = 0; g < vectors; g++, o++) {
            lanes s = o->s, c = o->c;
            lanes d = (o->axnl * s - o->aynl * c - o->moved) / (1.0 - c * o->axnl - s * o->aynl);
            d = where(d >= 0.95, all(0.95), where(d <= -0.95, all(-0.95), d));
            o->active &= absolute(d) >= 1e-12;
            some |= o->active;
            if (k == 10)
                continue;
            d = where(o->active, d, all(0.0)); /* turning by zero keeps the bits */
            o->moved += d;
            turn_small(d, &o->s, &o->c);
        }
        if (k == 10 || !any(some))
            return;
        o -= vectors;
    }
}

/* Short-period terms, orientation, units. */
INLINE void finish(const struct orbit *o, int velocity, struct state *out)
{
    lanes am = o->am, axnl = o->axnl, aynl = o->aynl, s = o->s, c = o->c;
    lanes snod = o->snod, cnod = o->cnod, sini = o->sini, cosi = o->cosi;
    lanes ecose = axnl * c + aynl * s, esine = axnl * s - aynl * c;
    lanes el2 = axnl * axnl + aynl * aynl, rest = 1.0 - el2, pl = am * rest;
    lanes rl = am * (1.0 - ecose), betal = root(rest), inv_pl = 1.0 / pl, inv_rl = 1.0 / rl;
    lanes t = esine / (1.0 + betal), ratio = am * inv_rl;
    lanes sinu = ratio * (s - aynl - axnl * t), cosu = ratio * (c - axnl + aynl * t);
    lanes sin2u = (cosu + cosu) * sinu, cos2u = 1.0 - 2.0 * sinu * sinu;
    lanes temp1 = 0.5 * J2 * inv_pl, temp2 = temp1 * inv_pl;
    lanes mrt = rl * (1.0 - 1.5 * temp2 * betal * o->con41) + 0.5 * temp1 * o->x1mth2 * cos2u;
    lanes short_period = 1.5 * temp2 * cosi;
    turn_tiny(-0.25 * temp2 * o->x7thm1 * sin2u, &sinu, &cosu);
    turn_tiny(short_period * sin2u, &snod, &cnod);
    turn_tiny(short_period * sini * cos2u, &sini, &cosi);

    lanes xmx = -snod * cosi, xmy = cnod * cosi;
    lanes ux = xmx * sinu + cnod * cosu, uy = xmy * sinu + snod * cosu, uz = sini * sinu;
    lanes km = mrt * EARTH_RADIUS_KM, decayed = where(mrt < 1.0, all(6.0), all(0.0));
    out->code = where(o->code == 0.0, where(pl < 0.0, all(4.0), decayed), o->code);
    out->r[0] = km * ux;
    out->r[1] = km * uy;
    out->r[2] = km * uz;
    if (velocity) {
        const double km_s = EARTH_RADIUS_KM * XKE / 60.0;
        lanes root_a = root(am), n = temp1 / (am * root_a);
        lanes mvt = km_s * (root_a * esine * inv_rl - n * o->x1mth2 * sin2u);
        lanes rvdot = km_s * (root(pl) * inv_rl + n * (o->x1mth2 * cos2u + 1.5 * o->con41));
        out->v[0] = mvt * ux + rvdot * (xmx * cosu - cnod * sinu);
        out->v[1] = mvt * uy + rvdot * (xmy * cosu - snod * sinu);
        out->v[2] = mvt * uz + rvdot * (sini * cosu);
    }
}

/* Mean eccentricity's limits and its clamp; errors 2 and 1. */
INLINE lanes check_mean(lanes nm, lanes *em)
{
    lanes code = where((*em >= 1.0) | (*em < -0.001), all(1.0), all(0.0));
    *em = where(*em < 1.0e-6, all(1.0e-6), *em);
    return where(nm <= 0.0, all(2.0), code);
}

/* Near-earth object: period below 225 min. The coefficients of the terms that "simple" objects
 * (perigee below 220 km) leave out are zero for them. */
INLINE void near_orbit(const lanes *c, lanes t, struct orbit *o)
{
    lanes t2 = t * t, t3 = t2 * t, t4 = t3 * t;
    lanes xmdf = c[MO] + c[MDOT] * t, nodem = c[NODEO] + c[NODEDOT] * t + c[NODECF] * t2;
    lanes sinm, cosm;
    sincos_lanes(xmdf, &sinm, &cosm);
    lanes swing = 1.0 + c[ETA] * cosm;
    lanes temp = c[OMGCOF] * t + c[XMCOF] * (swing * swing * swing - c[DELMO]);
    turn_small(temp, &sinm, &cosm);
    lanes argpm = c[ARGPO] + c[ARGPDOT] * t - temp;
    lanes tempa = 1.0 - c[CC1] * t - c[D2] * t2 - c[D3] * t3 - c[D4] * t4;
    lanes em = c[ECCO] - (c[BSTAR_CC4] * t + c[BSTAR_CC5] * (sinm - c[SINMAO]));
    lanes templ = c[T2COF] * t2 + (c[T3COF] * t3 + t4 * (c[T4COF] + t * c[T5COF]));
    o->am = c[AO] * tempa * tempa;
    o->code = check_mean(c[NO], &em);
    o->ep = em;
    o->u = xmdf + temp + c[NO] * templ + argpm;
    sincos_lanes(argpm, &o->sinw, &o->cosw);
    sincos_lanes(nodem, &o->snod, &o->cnod);
    o->aycof = c[AYCOF];
    o->xlcof = c[XLCOF];
    o->sini = c[SINIO];
    o->cosi = c[COSIO];
    o->con41 = c[CON41];
    o->x1mth2 = c[X1MTH2];
    o->x7thm1 = c[X7THM1];
}

/* Terms of the sun or the moon: f2 and f3 of its true longitude, and the sine. */
INLINE void third_body_phase(lanes zm, double two_e, lanes *f2, lanes *f3, lanes *sinz)
{
    lanes s, c, sd, cd;
    sincos_lanes(zm, &s, &c);
    sincos_small(two_e * s, &sd, &cd); /* |2 e sin| <= 0.11 */
    *sinz = s * cd + c * sd;
    *f2 = 0.5 * *sinz * *sinz - 0.25;
    *f3 = -0.5 * *sinz * (c * cd - s * sd);
}

/* What the resonance integrator knows at the last whole step before the time. */
struct step {
    lanes xli, xldot, xni, xndt, xnddt, ft;
};

/* Deep-space object. For one without resonance xni = no and the other steps are not used. */
INLINE void deep_orbit(const lanes *c, lanes t, const struct step *z, struct orbit *o)
{
    lanes t2 = t * t, tempa = 1.0 - c[CC1] * t;
    lanes em = c[ECCO] + c[DEDT] * t, xincp = c[INCLO] + c[DIDT] * t;
    lanes argpp = c[ARGPO] + c[ARGPDOT] * t + c[DOMDT] * t;
    lanes nodep = c[NODEO] + c[NODEDOT] * t + c[NODECF] * t2 + c[DNODT] * t;
    lanes theta = c[GSTO] + t * RPTIM, half = z->ft * z->ft * 0.5;
    lanes nm = z->xni + z->xndt * z->ft + z->xnddt * half;
    lanes xl = z->xli + z->xldot * z->ft + z->xndt * half;
    lanes mp = where(c[IREZ] == 0.0, c[MO] + c[MDOT] * t + c[DMDT] * t,
                     where(c[IREZ] == 1.0, xl - nodep - argpp + theta,
                           xl - 2.0 * nodep + 2.0 * theta));
    em -= c[BSTAR_CC4] * t;
    lanes code = check_mean(nm, &em);
    o->am = inverse_two_thirds(nm * (1.0 / XKE)) * tempa * tempa;
    mp += c[NO] * (c[T2COF] * t2);
    nodep = fmod_turn(nodep);

    /* Periodic terms of the sun and the moon. */
    lanes f2, f3, sinz, g2, g3, sinm;
    third_body_phase(c[ZMOS] + ZNS * t, 2.0 * ZES, &f2, &f3, &sinz);
    third_body_phase(c[ZMOL] + ZNL * t, 2.0 * ZEL, &g2, &g3, &sinm);
    lanes pe = (c[SE2] * f2 + c[SE3] * f3) + (c[EE2] * g2 + c[E3] * g3);
    lanes pinc = (c[SI2] * f2 + c[SI3] * f3) + (c[XI2] * g2 + c[XI3] * g3);
    lanes pl = (c[SL2] * f2 + c[SL3] * f3 + c[SL4] * sinz)
             + (c[XL2] * g2 + c[XL3] * g3 + c[XL4] * sinm);
    lanes pgh = (c[SGH2] * f2 + c[SGH3] * f3 + c[SGH4] * sinz)
              + (c[XGH2] * g2 + c[XGH3] * g3 + c[XGH4] * sinm);
    lanes ph = (c[SH2] * f2 + c[SH3] * f3) + (c[XH2] * g2 + c[XH3] * g3);
    lanes ep = em + pe, sini, cosi;
    xincp += pinc;
    sincos_lanes(xincp, &sini, &cosi);
    ints lyddane = ~(xincp >= 0.2);
    lanes turn = ph / sini, argp = argpp + (pgh - cosi * turn), node = nodep + turn;
    if (any(lyddane)) {
        lanes s, c0;
        sincos_lanes(nodep, &s, &c0);
        lanes alfdp = sini * s + (ph * c0 + pinc * cosi * s);
        lanes betdp = sini * c0 + (pinc * cosi * c0 - ph * s);
        lanes xls = argpp + pgh + (cosi - pinc * sini) * nodep;
        lanes lifted = atan2_lanes(alfdp, betdp), away = nodep - lifted;
        lifted = where(away > PI, lifted + TWO_PI, where(away < -PI, lifted - TWO_PI, lifted));
        argp = where(lyddane, xls - cosi * lifted, argp);
        node = where(lyddane, lifted, node);
    }
    mp += pl;
    ints below = xincp < 0.0;
    sini = where(below, -sini, sini);
    node = where(below, node + PI, node);
    argp = where(below, argp - PI, argp);
    code = where((code == 0.0) & ((ep < 0.0) | (ep > 1.0)), all(3.0), code);

    lanes cosisq = cosi * cosi, rise = 1.0 + cosi;
    o->xlcof = -0.25 * J3OJ2 * sini * (3.0 + 5.0 * cosi)
             / where(absolute(rise) > 1.5e-12, rise, all(1.5e-12));
    o->aycof = -0.5 * J3OJ2 * sini;
    o->con41 = 3.0 * cosisq - 1.0;
    o->x1mth2 = 1.0 - cosisq;
    o->x7thm1 = 7.0 * cosisq - 1.0;
    o->sini = sini;
    o->cosi = cosi;
    o->ep = ep;
    o->u = mp + argp;
    o->code = code;
    sincos_lanes(argp, &o->sinw, &o->cosw);
    sincos_lanes(node, &o->snod, &o->cnod);
}

#endif
