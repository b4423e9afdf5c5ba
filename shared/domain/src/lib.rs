//! Everything pure: money, sources, normalizers, retry decisions, revenue periods.
