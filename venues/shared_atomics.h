/* Words that several processes share in a mapped file.
 *
 * The C11 memory model through compiler builtins: the fields stay plain int64_t,
 * which Cython can declare, and are eight-byte aligned, so none is ever torn.
 * Rows of several words go through the seqlock below.
 */
#ifndef MEXOMS_SHARED_ATOMICS_H
#define MEXOMS_SHARED_ATOMICS_H

#include <sched.h>
#include <stdint.h>

/* How often a reader tries again while a writer is at work, before it gives up and fails closed. */
#define SEQLOCK_READS_MAX 256

static inline int64_t shared_load(const int64_t *word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void shared_store(int64_t *word, int64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Sequentially consistent: of two that add and then read, at least one sees the other. */
static inline int64_t shared_add(int64_t *word, int64_t value) {
    return __atomic_add_fetch(word, value, __ATOMIC_SEQ_CST);
}

static inline int64_t shared_load_ordered(const int64_t *word) {
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* Put `desired` where `expected` stands; return whether it stood there. */
static inline int shared_swap(int64_t *word, int64_t expected, int64_t desired) {
    return __atomic_compare_exchange_n(word, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* An odd sequence means that a writer is at work, or died at it. One writer at a time: the caller sees to it. */
static inline void seqlock_begin(int64_t *sequence) {
    __atomic_store_n(sequence, __atomic_load_n(sequence, __ATOMIC_RELAXED) | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void seqlock_end(int64_t *sequence) {
    __atomic_store_n(sequence, (__atomic_load_n(sequence, __ATOMIC_RELAXED) | 1) + 1, __ATOMIC_RELEASE);
}

static inline void seqlock_write(int64_t *sequence, int64_t *row, const int64_t *words, int count) {
    seqlock_begin(sequence);
    for (int i = 0; i < count; i++) __atomic_store_n(row + i, words[i], __ATOMIC_RELAXED);
    seqlock_end(sequence);
}

/* Copy a row that was whole; return 0 when no whole one was to be had within the tries. */
static inline int seqlock_read(const int64_t *sequence, const int64_t *row, int64_t *copy, int count) {
    for (int tries = 0; tries < SEQLOCK_READS_MAX; tries++) {
        int64_t before = __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
        if (!(before & 1)) {
            for (int i = 0; i < count; i++) copy[i] = __atomic_load_n(row + i, __ATOMIC_RELAXED);
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            if (__atomic_load_n(sequence, __ATOMIC_RELAXED) == before) return 1;
        }
        sched_yield();
    }
    return 0;
}

#endif
