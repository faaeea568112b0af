// How much independent information correlated samples hold. Pure functions.
#pragma once

#include <cstddef>
#include <span>

namespace mla {

// Correlation of residuals of a fit with `parameters` linear coefficients with their predecessors,
// over pairs with consecutive `index`. Corrected for the bias of a fit, which makes residuals look
// less correlated than the noise was: r = phi - (p + (p + 2) phi) / m solved for phi (p = 1:
// Marriott and Pope, Biometrika 41, 1954; p = 2: the same expansion about a line). In [-0.5, .995].
double lag_one(std::span<const double> residual, std::span<const size_t> index, size_t parameters);

// Samples per independent one, at least 1: the larger of (1 + phi) / (1 - phi) of a first-order
// process and the integrated autocorrelation time 1 + 2 sum rho_k with Sokal's window (k <= 5 tau;
// "Monte Carlo Methods in Statistical Mechanics", 1989, section 3), each rho_k raised by
// p tau / m for the bias of the fit, tau that of the first-order process.
double autocorrelation_time(std::span<const double> residual, std::span<const size_t> index,
                            size_t parameters);

}  // namespace mla
