//! One shape for every service: life cycle, metrics, HTTP.
