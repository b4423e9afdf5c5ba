//! Outward I/O: the one HTTP paging loop, SQS, Secrets Manager.
