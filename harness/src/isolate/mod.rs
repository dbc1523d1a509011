//! Tenant isolation on Postgres as noninterference.
