/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A million devices, made in one day with certificates of 30 days, renew by devid's own schedule (tools/schedule.c), each hour by
 * their timer (dist/devid-renew.timer). How many enrolments does their CA see in the busiest hour, as a multiple of the
 * mean? With and without an outage of six hours. It prints TAP and the figures; with a file's name as its argument it also draws
 * them there, as SVG.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"
#include "schedule.h"
#include "seed.h"

#define N_DEVICES 1000000
#define DAY INT64_C(86400)
#define HOUR INT64_C(3600)
#define LIFE (30 * DAY)
#define PERCENT 80
#define BEGIN INT64_C(1800000000) /* some moment of 2027 */
#define BATCH HOUR                /* they are all made within */
#define CYCLE (LIFE * PERCENT / 100)
#define N_CYCLES 6
#define END (N_CYCLES * CYCLE)
#define STEP 300                  /* a bin, in seconds: an hour is any twelve of them */
#define N_BINS (END / STEP)
#define AN_HOUR (HOUR / STEP)

/* The CA is away; begin is counted from BEGIN. */
struct outage {
    const char *name;
    int64_t begin, end;
};

struct curve {
    unsigned bins[N_BINS];
    double mean;         /* enrolments an hour, over all that follows the first cycle */
    double first, later; /* the busiest hour of the first cycle, of all after it, as a multiple of the mean */
    unsigned n_late;     /* certificates that ended before they were renewed */
};

static uint64_t state = 1;

/* For what is chance in a fleet and no decision of devid's: the timer's own delay, the moment of making. Marsaglia's xorshift. */
static int64_t below(int64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int64_t)(state % (uint64_t)limit);
}

/* OnCalendar=hourly, RandomizedDelaySec=1h: the first time that the timer comes at or after t. */
static int64_t timer_after(int64_t t)
{
    int64_t hour = t / HOUR * HOUR, fires = hour - HOUR + below(HOUR);

    for (; fires < t; hour += HOUR)
        fires = hour + below(HOUR);
    return fires;
}

static void live(uint64_t seed, const struct outage *outage, struct curve *c)
{
    int64_t issued = BEGIN + below(BATCH), now = timer_after(schedule_due(issued, issued + LIFE, PERCENT, seed));
    unsigned n_failures = 0;

    while (now < BEGIN + END) {
        if (now >= BEGIN + outage->begin && now < BEGIN + outage->end) {
            now = timer_after(schedule_retry(now, issued + LIFE, ++n_failures, 0, seed));
            continue;
        }
        c->bins[(now - BEGIN) / STEP]++;
        c->n_late += now >= issued + LIFE;
        n_failures = 0;
        issued = now - 300; /* CAs date back by some minutes */
        now = timer_after(schedule_due(issued, issued + LIFE, PERCENT, seed));
    }
}

static double busiest(const struct curve *c, int64_t from, int64_t to)
{
    unsigned most = 0, n = 0;

    for (int64_t i = from; i < to; i++) {
        n += c->bins[i];
        if (i >= from + AN_HOUR)
            n -= c->bins[i - AN_HOUR];
        most = n > most ? n : most;
    }
    return most / c->mean;
}

static void measure(const uint64_t *seeds, const struct outage *outage, struct curve *c)
{
    double n = 0;

    memset(c, 0, sizeof *c);
    for (size_t i = 0; i < N_DEVICES; i++)
        live(seeds[i], outage, c);
    for (int64_t i = CYCLE / STEP; i < N_BINS; i++)
        n += c->bins[i];
    c->mean = n / (double)((END - CYCLE) / HOUR);
    c->first = busiest(c, 0, CYCLE / STEP);
    c->later = busiest(c, CYCLE / STEP, N_BINS);
}

/* ---- the plot ---- */

#define WIDTH 960.0
#define HEIGHT 150.0
#define LEFT 60.0

static void draw(FILE *svg, const struct curve *c, const struct outage *outage, double top)
{
    double scale = HEIGHT / 2.2;

    fprintf(svg, "<g transform=\"translate(%.0f,%.0f)\">\n<text x=\"0\" y=\"-8\" font-weight=\"bold\">%s: busiest hour %.2f of the mean in "
            "the first cycle, %.2f after it</text>\n", LEFT, top, outage->name, c->first, c->later);
    for (int i = 0; i <= 2; i++)
        fprintf(svg, "<path d=\"M0 %.1fH%.0f\" stroke=\"#ccc\"/><text x=\"-8\" y=\"%.1f\" text-anchor=\"end\">%d</text>\n",
                HEIGHT - i * scale, WIDTH, HEIGHT - i * scale + 4, i);
    for (int i = 0; i <= N_CYCLES * 24; i += 12)
        fprintf(svg, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%d</text>\n", WIDTH * i / (N_CYCLES * 24), HEIGHT + 16, i);
    if (outage->end > outage->begin)
        fprintf(svg, "<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.0f\" fill=\"#f4b6b6\"/>\n", WIDTH * (double)outage->begin / END,
                WIDTH * (double)(outage->end - outage->begin) / END, HEIGHT);
    fprintf(svg, "<path fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"0.8\" d=\"M0 %.0f", HEIGHT);
    for (int64_t i = 0; i + 6 * AN_HOUR <= N_BINS; i += 6 * AN_HOUR)
        fprintf(svg, "L%.1f %.1f", WIDTH * (double)i / N_BINS, HEIGHT - busiest(c, i, i + 6 * AN_HOUR) * scale);
    fprintf(svg, "\"/>\n</g>\n");
}

static FILE *svg_open(const char *path, int n)
{
    FILE *svg = fopen(path, "w");

    if (svg == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<text x=\"%.0f\" y=\"20\">Enrolments in the busiest hour of each quarter "
            "of a day, as a multiple of the mean; days since a million devices were made, with certificates of 30 days. Red: no CA</text>\n",
            WIDTH + LEFT + 30, n * (HEIGHT + 60) + 40, LEFT);
    return svg;
}

/* ---- */

static int n_tests, n_failed;

static void ok(bool good, const char *name, const char *what)
{
    printf("%s %d - %s: %s\n", good ? "ok" : "not ok", ++n_tests, name, what);
    n_failed += !good;
}

int main(int argc, char **argv)
{
    static const struct outage outages[] = {
        {"no outage", 0, 0},
        {"six hours without CA in the first cycle", 12 * DAY, 12 * DAY + 6 * HOUR},
        {"six hours without CA in the second cycle", 36 * DAY, 36 * DAY + 6 * HOUR},
        {"six hours without CA later", 96 * DAY, 96 * DAY + 6 * HOUR},
    };
    static struct curve c;
    uint64_t *seeds = calloc(N_DEVICES, sizeof *seeds);
    FILE *svg = argc > 1 ? svg_open(argv[1], sizeof outages / sizeof outages[0]) : NULL;

    if (seeds == NULL)
        return 99;
    for (unsigned i = 0; i < N_DEVICES; i++) {
        char serial[24];
        int len = snprintf(serial, sizeof serial, "unit %u", i); /* an EK's public half is as good as any other name */

        if (seed_of((struct devid_slice){(unsigned char *)serial, (size_t)len}, "owner", "device-id", &seeds[i], NULL) != DEVID_OK)
            return 99;
    }
    for (size_t i = 0; i < sizeof outages / sizeof outages[0]; i++) {
        measure(seeds, &outages[i], &c);
        printf("# %s: %.0f enrolments an hour in the mean; busiest hour %.3f of it in the first cycle, %.3f after it\n",
               outages[i].name, c.mean, c.first, c.later);
        ok(c.first <= 2, outages[i].name, "no hour of the first cycle has more than twice the mean");
        ok(c.later <= 1.3, outages[i].name, "no later hour has more than 1.3 of the mean");
        ok(c.n_late == 0, outages[i].name, "no certificate ends before it is renewed");
        if (svg != NULL)
            draw(svg, &c, &outages[i], 50 + (double)i * (HEIGHT + 60));
    }
    if (svg != NULL && (fprintf(svg, "</svg>\n") < 0 || fclose(svg) != 0))
        return 99;
    printf("1..%d\n", n_tests);
    free(seeds);
    return n_failed != 0;
}
