"""Atomic words and torn-proof rows in memory that several processes share."""

from libc.stdint cimport int64_t

cdef extern from "shared_atomics.h" nogil:
    int64_t shared_load(const int64_t *word)
    void shared_store(int64_t *word, int64_t value)
    int64_t shared_add(int64_t *word, int64_t value)
    int64_t shared_load_ordered(const int64_t *word)
    int shared_swap(int64_t *word, int64_t expected, int64_t desired)
    void seqlock_begin(int64_t *sequence)
    void seqlock_end(int64_t *sequence)
    void seqlock_write(int64_t *sequence, int64_t *row, const int64_t *words, int count)
    int seqlock_read(const int64_t *sequence, const int64_t *row, int64_t *copy, int count)
