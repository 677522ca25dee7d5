// A part of an 8-bit picture resized, to the bits of Pillow's resize where that takes columns first: a filter that
// widens as it shrinks, weights in fixed point of 22 bits, and between columns and rows rounded to 8 bits.
//
// What makes it faster: 16 rows are turned, so that what is beside each other in a register are rows, to which the same
// weights apply; pixels stay 3 bytes; rows and columns that the part does not need are not touched; one that is mirrored
// costs no pass of its own.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX512BW__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

constexpr int BITS = 22;
constexpr int32_t HALF = 1 << (BITS - 1);
constexpr int64_t LANES = 16;
constexpr int64_t LINE = 64;  // bytes that memory gives at once

typedef uint8_t Bytes __attribute__((vector_size(LANES)));

// The same number of weights for every place, those that are not needed 0: a loop of a length known beforehand.
struct Axis {
    int64_t taps = 1;
    std::vector<int64_t> start;
    std::vector<int32_t> weights;
};

double triangle(double x) {
    x = std::fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

double cubic(double x) {
    constexpr double a = -0.5;
    x = std::fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

int32_t fixed(double weight) { return int32_t((weight < 0 ? -0.5 : 0.5) + weight * (1 << BITS)); }

// The weights with which `length` pixels, from `low` to `high` of them, become `count`.
Axis axis_of(int64_t length, float low, float high, int64_t count, bool bicubic, bool mirror) {
    const double scale = double(high - low) / count, wide = std::max(scale, 1.0);
    const double reach = (bicubic ? 2.0 : 1.0) * wide, narrow = 1.0 / wide;
    Axis axis;
    axis.taps = std::min(length, 2 * int64_t(std::ceil(reach)) + 1);
    std::vector<double> found(axis.taps * count);
    std::vector<int64_t> first(count), number(count);
    int64_t most = 1;
    for (int64_t place = 0; place < count; place++) {
        const double centre = low + (place + 0.5) * scale;
        first[place] = std::max<int64_t>(0, int64_t(centre - reach + 0.5));
        number[place] = std::min(length, int64_t(centre + reach + 0.5)) - first[place];
        most = std::max(most, number[place]);
        double* const weights = found.data() + place * axis.taps;
        double sum = 0;
        for (int64_t tap = 0; tap < number[place]; tap++) {
            const double at = (tap + first[place] - centre + 0.5) * narrow;
            sum += weights[tap] = bicubic ? cubic(at) : triangle(at);
        }
        if (sum != 0)
            for (int64_t tap = 0; tap < number[place]; tap++) weights[tap] /= sum;
    }
    axis.start.resize(count);
    axis.weights.assign(most * count, 0);
    for (int64_t place = 0; place < count; place++) {
        const int64_t to = mirror ? count - 1 - place : place;
        axis.start[to] = std::min(first[place], length - most);
        for (int64_t tap = 0; tap < number[place]; tap++)
            axis.weights[to * most + first[place] - axis.start[to] + tap] = fixed(found[place * axis.taps + tap]);
    }
    axis.taps = most;
    return axis;
}

Bytes loaded(const uint8_t* from) {
    Bytes bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return bytes;
}

// Sixteen sums. Compilers know no instruction that widens or rounds and take several in its place, and take wide vectors
// apart for narrow registers, so the usual processors' are named.
#if defined(__AVX512BW__)
struct Sums {
    __m512i all = _mm512_set1_epi32(HALF);

    void add(const uint8_t* from, int32_t weight) {
        const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)from));
        all = _mm512_add_epi32(all, _mm512_mullo_epi32(wide, _mm512_set1_epi32(weight)));
    }

    Bytes rounded() const {
        return (Bytes)_mm512_cvtusepi32_epi8(_mm512_max_epi32(_mm512_srai_epi32(all, BITS), _mm512_setzero_si512()));
    }
};
#elif defined(__AVX2__)
struct Sums {
    __m256i low = _mm256_set1_epi32(HALF), high = low;

    void add(const uint8_t* from, int32_t weight) {
        const __m256i first = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)from));
        const __m256i second = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)(from + LANES / 2)));
        const __m256i weights = _mm256_set1_epi32(weight);
        low = _mm256_add_epi32(low, _mm256_mullo_epi32(first, weights));
        high = _mm256_add_epi32(high, _mm256_mullo_epi32(second, weights));
    }

    Bytes rounded() const {
        const __m256i halves = _mm256_packs_epi32(_mm256_srai_epi32(low, BITS), _mm256_srai_epi32(high, BITS));
        const __m256i order = _mm256_permute4x64_epi64(halves, 0b11'01'10'00);  // packing goes by halves of a register
        return (Bytes)_mm_packus_epi16(_mm256_castsi256_si128(order), _mm256_extracti128_si256(order, 1));
    }
};
#else
struct Sums {
    typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));
    typedef int32_t Wide __attribute__((vector_size(4 * LANES)));
    Wide all = Wide{} + HALF;

    void add(const uint8_t* from, int32_t weight) {
        all += __builtin_convertvector(__builtin_convertvector(loaded(from), Halves), Wide) * weight;
    }

    Bytes rounded() const {
        const Wide low = all >> BITS, above = low < 0 ? Wide{} : low;
        return __builtin_convertvector(__builtin_convertvector(above > 255 ? Wide{} + 255 : above, Halves), Bytes);
    }
};
#endif

// Rows become columns: to put two halves of them together like the teeth of two combs, four times, is to turn them.
void turn(Bytes (&rows)[LANES]) {
    typedef Bytes Places;
    constexpr Places front{0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
    constexpr Places back{8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    for (int step = 0; step < 4; step++) {
        Bytes found[LANES];
        for (int row = 0; row < LANES / 2; row++) {
            found[2 * row] = __builtin_shuffle(rows[row], rows[row + LANES / 2], front);
            found[2 * row + 1] = __builtin_shuffle(rows[row], rows[row + LANES / 2], back);
        }
        std::copy(found, found + LANES, rows);
    }
}

// Up to 16 rows of `count` bytes, turned; behind the last byte of `from`, at `end`, nothing is read.
void turned(const uint8_t* from, int64_t rows, int64_t stride, int64_t count, const uint8_t* end, uint8_t* to) {
    for (int64_t place = 0; place < count; place += LANES) {
        Bytes block[LANES]{};
        const uint8_t* const at = from + place;
        if (place % LINE < LANES)  // of the rows that come next, which processors do not foresee
            for (int64_t row = LANES; row < 2 * LANES; row++) __builtin_prefetch(at + row * stride);
        if (rows == LANES && end - (at + (LANES - 1) * stride) >= LANES)
            for (int64_t row = 0; row < LANES; row++) block[row] = loaded(at + row * stride);
        else
            for (int64_t row = 0; row < rows; row++)
                std::memcpy(&block[row], at + row * stride, std::min(LANES, end - (at + row * stride)));
        turn(block);
        for (int64_t row = 0; row < LANES; row++) std::memcpy(to + (place + row) * LANES, &block[row], sizeof(Bytes));
    }
}

// And back: rows of `to` are `stride` bytes apart, which leaves room for whole registers.
void turned_back(const uint8_t* from, int64_t rows, int64_t stride, int64_t count, uint8_t* to) {
    for (int64_t place = 0; place < count; place += LANES) {
        Bytes block[LANES];
        for (int64_t row = 0; row < LANES; row++) block[row] = loaded(from + (place + row) * LANES);
        turn(block);
        for (int64_t row = 0; row < rows; row++) std::memcpy(to + row * stride + place, &block[row], sizeof(Bytes));
    }
}

// 16 bytes out of those that lie `stride` apart; the loop is unrolled where there are as few as mostly.
template <int64_t TAPS>
Bytes weighted(const uint8_t* from, int64_t stride, const int32_t* weights, int64_t taps) {
    Sums sum;
    for (int64_t tap = 0; tap < (TAPS ? TAPS : taps); tap++) sum.add(from + tap * stride, weights[tap]);
    return sum.rounded();
}

// Pixels of turned rows, of which the first byte is `first` of the whole row.
template <int64_t TAPS>
void across(const uint8_t* from, int64_t first, int64_t channels, const Axis& axis, uint8_t* to) {
    const int32_t* weights = axis.weights.data();
    for (const int64_t start : axis.start) {
        for (int64_t channel = 0; channel < channels; channel++, to += LANES) {
            const uint8_t* const at = from + (start * channels - first + channel) * LANES;
            const Bytes bytes = weighted<TAPS>(at, channels * LANES, weights, axis.taps);
            std::memcpy(to, &bytes, sizeof bytes);
        }
        weights += axis.taps;
    }
}

// A row of `count` bytes out of as many as there are weights, `stride` apart.
template <int64_t TAPS>
void down(const uint8_t* from, int64_t stride, const int32_t* weights, int64_t taps, int64_t count, uint8_t* to) {
    for (int64_t place = 0; place < count; place += LANES) {
        const Bytes bytes = weighted<TAPS>(from + place, stride, weights, taps);
        std::memcpy(to + place, &bytes, std::min(LANES, count - place));
    }
}

template <typename Function, size_t COUNT>
Function chosen(const std::array<Function, COUNT>& functions, int64_t taps) {
    return functions[taps < int64_t(COUNT) ? taps : 0];
}

constexpr std::array ACROSS{across<0>, across<1>, across<2>, across<3>, across<4>, across<5>};
constexpr std::array DOWN{down<0>, down<1>, down<2>, down<3>, down<4>, down<5>};

}  // namespace

// `from` is height × width × channels without gaps, `to` high × wide × channels; the part is in pixels, and within the
// picture.
extern "C" void resample(const uint8_t* from, int64_t height, int64_t width, int64_t channels, float left, float top,
                         float right, float bottom, uint8_t* to, int64_t high, int64_t wide, int bicubic, int mirror) {
    const Axis columns = axis_of(width, left, right, wide, bicubic, mirror);
    const Axis rows = axis_of(height, top, bottom, high, bicubic, false);
    const auto [least, most] = std::minmax_element(columns.start.begin(), columns.start.end());
    const int64_t first = *least * channels, needed = (*most - *least + columns.taps) * channels;
    const int64_t top_row = rows.start.front(), bottom_row = rows.start.back() + rows.taps;
    const int64_t count = wide * channels, stride = (count + LANES - 1) / LANES * LANES;
    std::vector<uint8_t> before((needed + LANES) * LANES), after(stride * LANES), kept((bottom_row - top_row) * stride);
    for (int64_t row = top_row; row < bottom_row; row += LANES) {
        const int64_t block = std::min(LANES, bottom_row - row);
        turned(from + row * width * channels + first, block, width * channels, needed, from + height * width * channels,
               before.data());
        chosen(ACROSS, columns.taps)(before.data(), first, channels, columns, after.data());
        turned_back(after.data(), block, stride, count, kept.data() + (row - top_row) * stride);
    }
    for (int64_t row = 0; row < high; row++)
        chosen(DOWN, rows.taps)(kept.data() + (rows.start[row] - top_row) * stride, stride,
                                rows.weights.data() + row * rows.taps, rows.taps, count, to + row * count);
}
