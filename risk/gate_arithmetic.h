/* The gate's sums: products in 128 bits, divisions rounded against us, "does not fit" told by the return value. */
#ifndef MEXOMS_GATE_ARITHMETIC_H
#define MEXOMS_GATE_ARITHMETIC_H

#include <stdint.h>

#define BPS 10000
#define SECOND_NS 1000000000LL

/* Put ceil(a × b × numerator ÷ denominator) into out, all not negative; return 1 when it passes the maximum. */
static inline int scaled_up(int64_t a, int64_t b, int64_t numerator, int64_t denominator, int64_t max,
                            int64_t *out) {
    unsigned __int128 product;
    if (__builtin_mul_overflow((unsigned __int128)a * (uint64_t)b, (unsigned __int128)numerator, &product))
        return 1;
    /* Most products fit 64 bits, where a division is several times as fast. */
    if (product <= INT64_MAX)
        product = ((uint64_t)product + (uint64_t)denominator - 1) / (uint64_t)denominator;
    else
        product = (product - 1) / (uint64_t)denominator + 1;
    if (product > (unsigned __int128)max) return 1;
    *out = (int64_t)product;
    return 0;
}

/* The highest price that a buyer may name, rounded down; prices are at most 2^53. */
static inline int64_t collar_above(int64_t ask_ticks, int64_t bps) {
    return (int64_t)((__int128)ask_ticks * (BPS + bps) / BPS);
}

/* The lowest price that a seller may name, rounded up, at least one tick. */
static inline int64_t collar_below(int64_t bid_ticks, int64_t bps) {
    int64_t lowest = (int64_t)(((__int128)bid_ticks * (BPS - bps) + BPS - 1) / BPS);
    return lowest < 1 ? 1 : lowest;
}

/* The largest position, either way, that fills of the open orders could lead to. */
static inline int64_t worst_position(int64_t position, int64_t open_buy, int64_t open_sell) {
    int64_t highest = position + open_buy, lowest = position - open_sell;
    return highest > -lowest ? highest : -lowest;
}

/* Whose an account is: tenant and strategy in one word, so that nobody reads half of a change. */
static inline int64_t owner_word(int64_t tenant, int64_t reserved_for) {
    return (tenant + 1) << 32 | (reserved_for + 1);
}

static inline int64_t owner_tenant(int64_t owner) {
    return (owner >> 32) - 1;
}

static inline int64_t owner_strategy(int64_t owner) {
    return (owner & 0xFFFFFFFF) - 1;
}

/* A token bucket in one word: the time at which all tokens would be back.
 *
 * Every order moves it one interval on; the bucket holds one second's worth. The
 * interval is rounded up, so the rate is never passed. After the clock was set back
 * one order empties the bucket anew: nobody waits for as long as it was set back by.
 */
#define ORDERS_PER_SECOND_MAX SECOND_NS

static inline int64_t rate_interval_ns(int64_t per_second) {
    return per_second >= ORDERS_PER_SECOND_MAX ? 1 : (SECOND_NS + per_second - 1) / per_second;
}

static inline int64_t rate_refilled_at(int64_t word, int64_t interval, int64_t full_ns, int64_t now_ns) {
    if (word <= now_ns) return now_ns;
    /* Engines that share a bucket read the clock microseconds apart; further ahead is another clock. */
    return word > now_ns + 2 * full_ns ? now_ns + full_ns - interval : word;
}

/* The word after one more order, 0 where the bucket has none left. */
static inline int64_t rate_after_order(int64_t word, int64_t per_second, int64_t now_ns) {
    if (per_second <= 0) return 0;
    if (per_second > ORDERS_PER_SECOND_MAX) per_second = ORDERS_PER_SECOND_MAX;
    int64_t interval = rate_interval_ns(per_second), full = per_second * interval;
    int64_t after = rate_refilled_at(word, interval, full, now_ns) + interval;
    return after - now_ns > full ? 0 : after;
}

static inline int64_t rate_orders_taken(int64_t word, int64_t per_second, int64_t now_ns) {
    if (per_second <= 0) return 0;
    if (per_second > ORDERS_PER_SECOND_MAX) per_second = ORDERS_PER_SECOND_MAX;
    int64_t interval = rate_interval_ns(per_second);
    return (rate_refilled_at(word, interval, per_second * interval, now_ns) - now_ns + interval - 1) / interval;
}

#endif
