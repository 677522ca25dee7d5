// The largest of two by two pixels, and its gradient, which finds it again: so nothing is kept but what came in.
//
// Tensors are rows of channels (channels last), of a multiple of 16; height and width of `x` are even. Of equal numbers
// the first is taken, as PyTorch takes it. Where bfloat16 is rounded by the processor, numbers below 1.2e-38 become 0.

#include "registers.h"

namespace {

// Every square of pixels: `of` gets the places of its four numbers in x, in order, and of the one in y.
template <typename Of>
void in_squares(int64_t images, int64_t height, int64_t width, int64_t channels, int threads, Of of) {
    const int64_t rows = images * height / 2;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < width / 2; column++) {
            const int64_t upper = (2 * row * width + 2 * column) * channels, lower = upper + width * channels;
            const int64_t single = (row * width / 2 + column) * channels;
            for (int64_t c = 0; c < channels; c += LANES)
                of(upper + c, upper + channels + c, lower + c, lower + channels + c, single + c);
        }
}

// Whether the second is taken: it is larger, or not a number.
inline auto takes_second(Floats first, Floats second) { return second > first || second != second; }

inline Floats larger(Floats first, Floats second) { return takes_second(first, second) ? second : first; }

template <typename Stored>
void pool(const Stored* x, Stored* y, int64_t images, int64_t height, int64_t width, int64_t channels, int threads) {
    in_squares(images, height, width, channels, threads,
               [=](int64_t a, int64_t b, int64_t c, int64_t d, int64_t to) {
                   write(y + to, larger(larger(read(x + a), read(x + b)), larger(read(x + c), read(x + d))));
               });
}

template <typename Stored>
void backward(const Stored* x, const Stored* gradient, Stored* of_x, int64_t images, int64_t height, int64_t width,
              int64_t channels, int threads) {
    in_squares(images, height, width, channels, threads,
               [=](int64_t a, int64_t b, int64_t c, int64_t d, int64_t from) {
                   const Floats given = read(gradient + from), none{};
                   const Floats first = read(x + a), second = read(x + b), third = read(x + c), last = read(x + d);
                   const auto is_below = takes_second(larger(first, second), larger(third, last));
                   const Floats to_above = is_below ? none : given, to_below = is_below ? given : none;
                   const auto is_second = takes_second(first, second), is_last = takes_second(third, last);
                   write(of_x + a, is_second ? none : to_above);
                   write(of_x + b, is_second ? to_above : none);
                   write(of_x + c, is_last ? none : to_below);
                   write(of_x + d, is_last ? to_below : none);
               });
}

}  // namespace

#define FORMS(STORED, NAME)                                                                                        \
    extern "C" void pool_##NAME(const STORED* x, STORED* y, int64_t images, int64_t height, int64_t width,         \
                                int64_t channels, int threads) {                                                   \
        pool(x, y, images, height, width, channels, threads);                                                      \
    }                                                                                                              \
    extern "C" void pool_backward_##NAME(const STORED* x, const STORED* gradient, STORED* of_x, int64_t images,    \
                                         int64_t height, int64_t width, int64_t channels, int threads) {           \
        backward(x, gradient, of_x, images, height, width, channels, threads);                                     \
    }

FORMS(bfloat16, bfloat16)
FORMS(float, float32)
