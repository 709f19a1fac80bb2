package org.iolaus.cuda;

/// Addresses of an index's compressed sparse rows: int32 offsets of each segment's entries, and the entries' order.
///
/// @param order 0 where the index ascends
record Csr(long start, long order) {}
