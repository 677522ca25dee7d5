// Batch norm of a training step, with an addition and a ReLU behind it: each a pass over memory less than one by one.
//
//     y = relu(norm(x) + carried)        carried and relu may be left out
//
// Tensors are rows of channels (channels last); there are 16 channels or a multiple of it, taken by the register. What
// is stored is bfloat16 or float32, what is computed float32, sums over all rows double. Rows are divided evenly among
// the threads, so the same number of threads gives the same bits.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "registers.h"

namespace {

constexpr int64_t BLOCK = 256;  // rows whose sum is taken in float32 before it is added to the double

// NaN is not below 0, and stays.
inline Floats rectified(Floats values) { return values < 0.0f ? Floats{} : values; }

// `WIDE` registers side by side.
template <int WIDE, typename Of>
auto held(Of of, int64_t channel) {
    if constexpr (WIDE == 1)
        return std::array{of(channel)};
    else if constexpr (WIDE == 2)
        return std::array{of(channel), of(channel + LANES)};
    else
        return std::array{of(channel), of(channel + LANES), of(channel + 2 * LANES), of(channel + 3 * LANES)};
}

// All channels of some rows, up to four registers at a time: `of(channel, how many registers)` takes these.
// What belongs to a channel stays in registers for all of the rows.
template <typename Of>
void in_strips(int64_t channels, Of of) {
    int64_t channel = 0;
    for (; channel + 4 * LANES <= channels; channel += 4 * LANES) of(channel, std::integral_constant<int, 4>());
    for (; channel + 2 * LANES <= channels; channel += 2 * LANES) of(channel, std::integral_constant<int, 2>());
    for (; channel < channels; channel += LANES) of(channel, std::integral_constant<int, 1>());
}

// Rows to take at a time: few where a row is longer than a strip, so that memory is read in nearly its order.
inline int64_t rows_at_once(int64_t channels) {
    return channels == LANES || channels == 2 * LANES || channels == 4 * LANES ? BLOCK : 8;
}

// Adds to two sums a channel, over some rows.
template <int WIDE, typename Of>
void add_up(int64_t start, int64_t stop, int64_t channels, int64_t channel, float* sums, Of of) {
    constexpr int APART = WIDE == 4 ? 1 : 2;  // sums of each, so that an addition need not wait for the one before
    const auto add = held<WIDE>(of, channel);
    Floats a[APART][WIDE]{}, b[APART][WIDE]{};
    int64_t row = start;
    for (; row + APART <= stop; row += APART)
        for (int apart = 0; apart < APART; apart++)
            for (int wide = 0; wide < WIDE; wide++)
                add[wide]((row + apart) * channels + channel + wide * LANES, a[apart][wide], b[apart][wide]);
    for (int wide = 0; wide < WIDE; wide++) {
        if (row < stop) add[wide](row * channels + channel + wide * LANES, a[0][wide], b[0][wide]);
        for (int apart = 0; apart < APART; apart++) {
            float *const first = sums + channel + wide * LANES, *const second = first + channels;
            write(first, read(first) + a[apart][wide]);
            write(second, read(second) + b[apart][wide]);
        }
    }
}

// Two sums a channel over all rows: `of(channel)` returns what adds a place to both.
template <typename Of>
void summed(int64_t rows, int64_t channels, int threads, double* first, double* second, Of of) {
    std::vector<double> parts(2 * channels * threads, 0.0);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int part = 0; part < threads; part++) {
        double* const sums = parts.data() + 2 * channels * part;
        std::vector<float> of_block(2 * channels);
        const int64_t stop = rows * (part + 1) / threads, few = rows_at_once(channels);
        for (int64_t start = rows * part / threads; start < stop; start += BLOCK) {
            const int64_t end = std::min(start + BLOCK, stop);
            std::fill(of_block.begin(), of_block.end(), 0.0f);
            for (int64_t row = start; row < end; row += few)
                in_strips(channels, [=, into = of_block.data()](int64_t channel, auto wide) {
                    add_up<wide()>(row, std::min(row + few, end), channels, channel, into, of);
                });
            for (int64_t c = 0; c < 2 * channels; c++) sums[c] += of_block[c];
        }
    }
    for (int64_t channel = 0; channel < channels; channel++) {
        first[channel] = second[channel] = 0;
        for (int part = 0; part < threads; part++) {
            first[channel] += parts[2 * channels * part + channel];
            second[channel] += parts[2 * channels * part + channels + channel];
        }
    }
}

// Every place once: `of(channel)` returns what does it.
template <typename Of>
void everywhere(int64_t rows, int64_t channels, int threads, Of of) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int part = 0; part < threads; part++) {
        const int64_t stop = rows * (part + 1) / threads, few = rows_at_once(channels);
        for (int64_t start = rows * part / threads; start < stop; start += few)
            in_strips(channels, [=](int64_t channel, auto wide) {
                const auto each = held<wide()>(of, channel);
                for (int64_t row = start; row < std::min(start + few, stop); row++)
                    for (int i = 0; i < wide(); i++) each[i](row * channels + channel + i * LANES);
            });
    }
}

// Mean and 1 / deviation of each channel, and the running statistics of the norm.
template <typename Stored>
void measure(const Stored* x, float* running_mean, float* running_var, float momentum, float eps, float* mean,
             float* inverse, int64_t rows, int64_t channels, int threads) {
    std::vector<double> sums(2 * channels);
    std::vector<float> first(channels);
    // Sums of the distance from the first row: squares of values far from zero would cancel.
    for (int64_t c = 0; c < channels; c += LANES) write(first.data() + c, read(x + c));
    summed(rows, channels, threads, sums.data(), sums.data() + channels, [=, base = first.data()](int64_t c) {
        return [=, base = read(base + c)](int64_t place, Floats& sum, Floats& squares) {
            const Floats value = read(x + place) - base;
            sum += value;
            squares += value * value;
        };
    });
    for (int64_t c = 0; c < channels; c++) {
        const double from_first = sums[c] / rows, variance = sums[channels + c] / rows - from_first * from_first;
        const double kept = variance > 0 || std::isnan(variance) ? variance : 0;
        mean[c] = float(first[c] + from_first);
        inverse[c] = float(1 / std::sqrt(kept + eps));
        running_mean[c] += momentum * (mean[c] - running_mean[c]);
        running_var[c] += momentum * (float(kept * rows / (rows - 1)) - running_var[c]);
    }
}

template <bool ADDS, bool RELU, typename Stored>
void apply(const Stored* x, const Stored* carried, const float* weight, const float* bias, const float* mean,
           const float* inverse, Stored* y, int64_t rows, int64_t channels, int threads) {
    std::vector<float> scales(channels), shifts(channels);
    for (int64_t c = 0; c < channels; c++) {
        scales[c] = weight[c] * inverse[c];
        shifts[c] = bias[c] - mean[c] * scales[c];
    }
    everywhere(rows, channels, threads, [=, scales = scales.data(), shifts = shifts.data()](int64_t c) {
        return [=, scale = read(scales + c), shift = read(shifts + c)](int64_t place) {
            Floats value = read(x + place) * scale + shift;
            if constexpr (ADDS) value += read(carried + place);
            write(y + place, RELU ? rectified(value) : value);
        };
    });
}

template <bool ADDS, bool RELU, typename Stored>
void backward(const Stored* x, const Stored* y, const Stored* gradient, const float* weight, const float* bias,
              const float* mean, const float* inverse, Stored* of_x, Stored* of_carried, float* of_weight,
              float* of_bias, int64_t rows, int64_t channels, int threads) {
    std::vector<double> sums(2 * channels);
    std::vector<float> scales(channels), shifts(channels), constants(channels), slopes(channels);
    for (int64_t c = 0; c < channels; c++) {
        scales[c] = weight[c] * inverse[c];
        shifts[c] = bias[c] - mean[c] * scales[c];
    }
    // The gradient before the ReLU. With an addition it is that of what was carried too, written once and read again;
    // without, the input of the ReLU is computed again, as it was before it was rounded.
    const Stored* const known = ADDS && RELU ? of_carried : gradient;
    const auto before = [=, scales = scales.data(), shifts = shifts.data()](int64_t c) {
        return [=, scale = read(scales + c), shift = read(shifts + c)](int64_t place, Floats value) {
            const Floats given = read(known + place);
            if constexpr (ADDS || !RELU) return given;
            return value * scale + shift > 0.0f ? given : Floats{};
        };
    };
    summed(rows, channels, threads, sums.data(), sums.data() + channels, [=](int64_t c) {
        return [=, passed = before(c), middle = read(mean + c)](int64_t place, Floats& sum, Floats& with_x) {
            if constexpr (ADDS && RELU)
                write(of_carried + place, read(y + place) > 0.0f ? read(gradient + place) : Floats{});
            const Floats value = read(x + place), through = passed(place, value);
            sum += through;
            with_x += through * (value - middle);
        };
    });
    for (int64_t c = 0; c < channels; c++) {
        of_bias[c] = float(sums[c]);
        of_weight[c] = float(sums[channels + c] * inverse[c]);
        slopes[c] = float(-double(scales[c]) * inverse[c] * inverse[c] * sums[channels + c] / rows);
        constants[c] = float(-double(scales[c]) * sums[c] / rows);
    }
    everywhere(rows, channels, threads,
               [=, scales = scales.data(), slopes = slopes.data(), constants = constants.data()](int64_t c) {
                   return [=, passed = before(c), middle = read(mean + c), scale = read(scales + c),
                           slope = read(slopes + c), constant = read(constants + c)](int64_t place) {
                       const Floats value = read(x + place), through = passed(place, value);
                       write(of_x + place, through * scale + (value - middle) * slope + constant);
                   };
               });
}

}  // namespace

// For one way of storing, and in four forms: with or without an addition, with or without a ReLU.
#define FORM(NAME, STORED, ADDS, RELU)                                                                              \
    extern "C" void apply_##NAME(const STORED* x, const STORED* carried, const float* weight, const float* bias,    \
                                 const float* mean, const float* inverse, STORED* y, int64_t rows,                  \
                                 int64_t channels, int threads) {                                                   \
        apply<ADDS, RELU>(x, carried, weight, bias, mean, inverse, y, rows, channels, threads);                     \
    }                                                                                                               \
    extern "C" void backward_##NAME(const STORED* x, const STORED* y, const STORED* gradient, const float* weight,  \
                                    const float* bias, const float* mean, const float* inverse, STORED* of_x,       \
                                    STORED* of_carried, float* of_weight, float* of_bias, int64_t rows,             \
                                    int64_t channels, int threads) {                                                \
        backward<ADDS, RELU>(x, y, gradient, weight, bias, mean, inverse, of_x, of_carried, of_weight, of_bias,     \
                             rows, channels, threads);                                                              \
    }

#define FORMS(STORED, NAME)                                                                                         \
    extern "C" void measure_##NAME(const STORED* x, float* running_mean, float* running_var, float momentum,        \
                                   float eps, float* mean, float* inverse, int64_t rows, int64_t channels,          \
                                   int threads) {                                                                   \
        measure(x, running_mean, running_var, momentum, eps, mean, inverse, rows, channels, threads);               \
    }                                                                                                               \
    FORM(norm_##NAME, STORED, false, false)                                                                         \
    FORM(norm_relu_##NAME, STORED, false, true)                                                                     \
    FORM(norm_sum_##NAME, STORED, true, false)                                                                      \
    FORM(norm_sum_relu_##NAME, STORED, true, true)

FORMS(bfloat16, bfloat16)
FORMS(float, float32)
