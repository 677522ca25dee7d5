// The gradient of a convolution's weights on processors with tiles (AMX), which multiply matrices of 16 × 32 and
// 32 × 16 bfloat16 numbers in one instruction.
//
//     gradient[learned][tap][carried] = sum over pixels of of_y[pixel][learned] * x[pixel moved by the tap][carried]
//
// Stride 1, an odd square kernel, zeros around; tensors are rows of channels (channels last), of a multiple of 16. The
// pixels of all pictures are numbered in one row, with zeros behind each row of pixels and each picture, so that a tap
// moves all of them by the same distance. Two neighbours go into one instruction as a pair, so what is moved by an odd
// distance needs pairs of its own. Sums are float32; numbers below 1.2e-38 count as 0, as the instruction has it.
// Pixels are divided evenly among the threads, so the same number of threads gives the same bits.

#include <cstdint>

#if defined(__AMX_BF16__) && defined(__AVX512F__)

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace {

typedef uint16_t bfloat16;

constexpr int64_t SIDE = 16;             // rows of a tile, and numbers of 32 bits in one
constexpr int64_t TILE = SIDE * SIDE;    // numbers of 32 bits in a tile
constexpr int64_t DEEP = 2 * SIDE;       // pixels that one product adds up
constexpr int64_t SCRATCH = 3 << 18;     // bytes to arrange at a time: most stay in the second cache
constexpr int64_t WORTH = 2 * DEEP;      // pixels for which another thread, with sums of its own, is worth it

// One convolution.
struct Shape {
    int64_t images, height, width, carried, learned, kernel;

    int64_t around() const { return kernel / 2; }
    int64_t taps() const { return kernel * kernel; }
    int64_t row() const { return width + around(); }
    int64_t picture() const { return (height + around()) * row(); }
    int64_t places() const { return images * picture(); }
    // How far a tap moves.
    int64_t moved(int64_t tap) const { return (tap / kernel - around()) * row() + tap % kernel - around(); }
    int64_t reach() const { return around() * row() + around(); }
};

typedef std::vector<const bfloat16*> Pixels;

// Where the pixels of some places lie, from one on; zeros where there is none.
void find(const Shape& shape, const bfloat16* from, int64_t channels, const bfloat16* zeros, int64_t place,
          int64_t count, Pixels& pixels) {
    const int64_t rows_apart = shape.height + shape.around();
    int64_t row = (place + shape.picture()) / shape.row() - rows_apart;
    int64_t x = (place + shape.picture()) % shape.row();
    for (int64_t i = 0; i < count; row++, x = 0) {
        const int64_t image = row < 0 ? -1 : row / rows_apart, y = row - image * rows_apart;
        const int64_t end = std::min(count, i + shape.row() - x);
        if (0 <= image && image < shape.images && y < shape.height) {
            const bfloat16* pixel = from + ((image * shape.height + y) * shape.width + x) * channels;
            const int64_t inside = std::min(end, i + std::max<int64_t>(0, shape.width - x));
            for (; i < inside; i++, pixel += channels) pixels[i] = pixel;
        }
        for (; i < end; i++) pixels[i] = zeros;
    }
}

inline __m512i widened(const bfloat16* from) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from));
}

// The numbers of two pixels in turn.
inline __m512i paired(__m512i first, __m512i second) { return _mm512_or_si512(first, _mm512_slli_epi32(second, 16)); }

// Turns a tile about its diagonal.
inline void turned(__m512i rows[SIDE]) {
    __m512i other[SIDE];
    for (int i = 0; i < 16; i += 2) {
        other[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        other[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        rows[i] = _mm512_unpacklo_epi64(other[i], other[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(other[i], other[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(other[i + 1], other[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(other[i + 1], other[i + 3]);
    }
    for (int half = 0; half < 16; half += 8)
        for (int i = 0; i < 4; i++) {
            other[half + i] = _mm512_shuffle_i32x4(rows[half + i], rows[half + i + 4], 0x88);
            other[half + i + 4] = _mm512_shuffle_i32x4(rows[half + i], rows[half + i + 4], 0xdd);
        }
    for (int i = 0; i < 8; i++) {
        rows[i] = _mm512_shuffle_i32x4(other[i], other[i + 8], 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(other[i], other[i + 8], 0xdd);
    }
}

// Arranges the pairs of x from a place on: for 16 channels at a time those at even distances, and those at odd ones.
void arrange_pairs(const Pixels& pixels, int64_t pairs, int64_t channels, bool odd_too, uint32_t* even,
                   uint32_t* odd) {
    for (int64_t pair = 0; pair < pairs; pair++) {
        const bfloat16* const* const at = pixels.data() + 2 * pair;
        for (int64_t c = 0; c < channels; c += SIDE) {
            const int64_t to = c * pairs + pair * SIDE;
            const __m512i middle = widened(at[1] + c);
            _mm512_storeu_si512(even + to, paired(widened(at[0] + c), middle));
            if (odd_too) _mm512_storeu_si512(odd + to, paired(middle, widened(at[2] + c)));
        }
    }
}

// Arranges the gradient: for 16 channels at a time tiles with a row a channel.
void arrange_turned(const Pixels& pixels, int64_t blocks, int64_t channels, uint32_t* tiles) {
    for (int64_t block = 0; block < blocks; block++) {
        const bfloat16* const* const at = pixels.data() + block * DEEP;
        for (int64_t c = 0; c < channels; c += SIDE) {
            __m512i rows[SIDE];
            for (int i = 0; i < SIDE; i++) rows[i] = paired(widened(at[2 * i] + c), widened(at[2 * i + 1] + c));
            turned(rows);
            uint32_t* const to = tiles + (c / SIDE * blocks + block) * TILE;
            for (int i = 0; i < SIDE; i++) _mm512_storeu_si512(to + i * SIDE, rows[i]);
        }
    }
}

// 16 channels of x, moved by a tap, and the tile of the gradient that they belong to.
struct Column {
    const uint32_t* pairs;
    float* to;
};

// Tiles are named by numbers that the compiler has to know, so these are written out: 0 to 5 are sums.

void two_by_two(const uint32_t* first, const uint32_t* second, const Column* columns, int64_t lower, int64_t apart,
                int64_t blocks, bool begun) {
    float *const a = columns[0].to, *const b = columns[1].to;
    if (begun) {
        _tile_loadd(0, a, apart);
        _tile_loadd(1, b, apart);
        _tile_loadd(2, a + lower, apart);
        _tile_loadd(3, b + lower, apart);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t block = 0; block < blocks; block++) {
        _tile_loadd(4, first + block * TILE, 64);
        _tile_loadd(6, columns[0].pairs + block * TILE, 64);
        _tile_loadd(5, second + block * TILE, 64);
        _tile_loadd(7, columns[1].pairs + block * TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, a, apart);
    _tile_stored(1, b, apart);
    _tile_stored(2, a + lower, apart);
    _tile_stored(3, b + lower, apart);
}

#define FOR_COLUMNS(DO)    \
    DO(0)                  \
    if (count > 1) { DO(1) } \
    if (count > 2) { DO(2) } \
    if (count > 3) { DO(3) } \
    if (count > 4) { DO(4) } \
    if (count > 5) { DO(5) }
#define BEGIN(N) if (begun) _tile_loadd(N, columns[N].to, apart); else _tile_zero(N);
#define ADD(N) _tile_loadd(7, columns[N].pairs + block * TILE, 64); _tile_dpbf16ps(N, 6, 7);
#define END(N) _tile_stored(N, columns[N].to, apart);

void one_by(const uint32_t* rows, const Column* columns, int64_t count, int64_t apart, int64_t blocks, bool begun) {
    FOR_COLUMNS(BEGIN)
    for (int64_t block = 0; block < blocks; block++) {
        _tile_loadd(6, rows + block * TILE, 64);
        FOR_COLUMNS(ADD)
    }
    FOR_COLUMNS(END)
}

// Adds the products of some places.
void add_products(const Shape& shape, const uint32_t* tiles, const uint32_t* even, const uint32_t* odd, int64_t blocks,
                  int64_t pairs, float* gradient, bool begun) {
    const int64_t apart = 4 * shape.taps() * shape.carried, lower = SIDE * shape.taps() * shape.carried;
    std::vector<Column> columns;
    for (int64_t c = 0; c < shape.carried; c += SIDE)
        for (int64_t tap = 0; tap < shape.taps(); tap++) {
            const int64_t distance = shape.reach() + shape.moved(tap);
            const uint32_t* const from = (distance % 2 ? odd : even) + (c / SIDE * pairs + distance / 2) * SIDE;
            columns.push_back({from, gradient + tap * shape.carried + c});
        }
    const int64_t strips = shape.learned / SIDE;
    for (int64_t strip = 0; strip < strips;) {
        const uint32_t* const rows = tiles + strip * blocks * TILE;
        const bool two = strip + 1 < strips;
        for (size_t i = 0; i < columns.size();) {
            Column some[6];
            const int64_t count = std::min<int64_t>(columns.size() - i, two ? 2 : 6);
            for (int64_t j = 0; j < count; j++)
                some[j] = {columns[i + j].pairs, columns[i + j].to + strip * lower};
            if (two && count == 2) {
                two_by_two(rows, rows + blocks * TILE, some, lower, apart, blocks, begun);
            } else {
                one_by(rows, some, count, apart, blocks, begun);
                if (two) {
                    some[0].to += lower;
                    one_by(rows + blocks * TILE, some, count, apart, blocks, begun);
                }
            }
            i += count;
        }
        strip += two ? 2 : 1;
    }
}

// Writes the gradient of some places.
void of_places(const Shape& shape, const bfloat16* x, const bfloat16* of_y, float* gradient, int64_t start,
               int64_t stop) {
    alignas(64) uint8_t settings[64] = {1};
    for (int tile = 0; tile < 8; tile++) {
        settings[16 + 2 * tile] = 64;
        settings[48 + tile] = SIDE;
    }
    _tile_loadconfig(settings);
    const bool odd_too = shape.taps() > 1;
    const int64_t a_place = 2 * (shape.learned + (odd_too ? 2 : 1) * shape.carried);
    const int64_t most = std::max(DEEP, SCRATCH / a_place / DEEP * DEEP), ends = 2 * shape.reach() + 2;
    const std::vector<bfloat16> zeros(std::max(shape.carried, shape.learned));
    Pixels pixels(most + ends + 1);
    std::vector<uint32_t> tiles(most * shape.learned / 2), even((most + ends) / 2 * shape.carried);
    std::vector<uint32_t> odd(odd_too ? even.size() : 0);
    for (int64_t place = start; place < stop; place += most) {
        const int64_t blocks = (std::min(most, stop - place) + DEEP - 1) / DEEP;
        const int64_t pairs = (blocks * DEEP + ends) / 2;
        find(shape, x, shape.carried, zeros.data(), place - shape.reach(), 2 * pairs + 1, pixels);
        arrange_pairs(pixels, pairs, shape.carried, odd_too, even.data(), odd.data());
        find(shape, of_y, shape.learned, zeros.data(), place, blocks * DEEP, pixels);
        arrange_turned(pixels, blocks, shape.learned, tiles.data());
        add_products(shape, tiles.data(), even.data(), odd.data(), blocks, pairs, gradient, place > start);
    }
    _tile_release();
}

}  // namespace

// Asks the system for tiles, once for a process: it keeps room for them only where they are used.
extern "C" int may_use_tiles() {
    constexpr int ASK_FOR_STATE = 0x1023, TILE_DATA = 18;
    return syscall(SYS_arch_prctl, ASK_FOR_STATE, TILE_DATA) == 0;
}

extern "C" void weight_gradient(const bfloat16* x, const bfloat16* of_y, float* gradient, int64_t images,
                                int64_t height, int64_t width, int64_t carried, int64_t learned, int64_t kernel,
                                int threads) {
    const Shape shape{images, height, width, carried, learned, kernel};
    const int64_t numbers = learned * shape.taps() * carried;
    const int64_t blocks = (shape.places() + DEEP - 1) / DEEP;
    threads = std::max<int64_t>(1, std::min<int64_t>(threads, shape.places() / WORTH));
    const std::unique_ptr<float[]> others(new float[numbers * (threads - 1)]);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int part = 0; part < threads; part++)
        of_places(shape, x, of_y, part ? others.get() + numbers * (part - 1) : gradient,
                  blocks * part / threads * DEEP, blocks * (part + 1) / threads * DEEP);
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < numbers; i++)
        for (int part = 1; part < threads; part++) gradient[i] += others[numbers * (part - 1) + i];
}

#else

extern "C" int may_use_tiles() { return 0; }

#endif
