package org.iolaus.comm;

/// What a job that cannot go on says and leaves with.
///
/// @param exitCode of the process and of the whole `mpirun`
/// @param text for the user, without a line break at the end
public record Failure(int exitCode, String text) {}
