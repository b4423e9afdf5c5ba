//! For tests only: a database a test, a Lambda Runtime API host, a proxy that cuts.
