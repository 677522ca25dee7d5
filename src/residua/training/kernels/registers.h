// Numbers by the register: as many as the processor holds, float32 inside, float32 or bfloat16 in memory.

#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

// Floats in a register of the processor: of wider vectors compilers make single numbers.
#if defined(__AVX512F__)
constexpr int64_t LANES = 16;
#elif defined(__AVX__)
constexpr int64_t LANES = 8;
#else
constexpr int64_t LANES = 4;
#endif

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));
typedef uint16_t bfloat16;

template <typename Vector>
Vector loaded(const void* from) {
    Vector found;
    std::memcpy(&found, from, sizeof found);
    return found;
}

inline Floats read(const float* from) { return loaded<Floats>(from); }

#if defined(__AVX512BF16__)
// Compilers make several instructions of what the processor does in one.
inline Floats read(const bfloat16* from) {
    return (Floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from)), 16);
}

// To nearest, ties to even; numbers below 1.2e-38 become 0.
inline void write(bfloat16* to, Floats values) {
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)values);
    std::memcpy(to, &rounded, sizeof rounded);
}
#else
inline Floats read(const bfloat16* from) {
    return (Floats)(__builtin_convertvector(loaded<Halves>(from), Bits) << 16);
}

inline void write(bfloat16* to, Floats values) {
    const Bits bits = (Bits)values;
    const Bits rounded = bits + 0x7fff + ((bits >> 16) & 1);  // to nearest, ties to even
    const Bits kept = values != values ? bits | 0x400000 : rounded;  // rounding would make a number of some NaNs
    const Halves high = __builtin_convertvector(kept >> 16, Halves);
    std::memcpy(to, &high, sizeof high);
}
#endif

inline void write(float* to, Floats values) { std::memcpy(to, &values, sizeof values); }
