//! The engine: budgets, workers, regressions, stability, statistics.
