// Slopes of least-squares lines. Pure functions.
#pragma once

#include <span>

namespace mla {

// Change of y per sample (x = 0, 1, 2, ...), computed from deviations from the means. 0 for fewer
// than two samples.
double slope_per_sample(std::span<const double> y);

// The same slope by the textbook sums (n Sxy - Sx Sy) / (n Sxx - Sx^2), which lose digits where
// the deviations do not: a large difference between the two says the series is not to be trusted.
double slope_per_sample_from_sums(std::span<const double> y);

// Change of y per unit of x. 0 for fewer than two points or when all x are equal. x and y have the
// same length.
double slope(std::span<const double> x, std::span<const double> y);

double mean(std::span<const double> y);  // NaN for an empty series

}  // namespace mla
