package org.iolaus.comm;

/// How a job that failed ends.
///
/// @param code exit code of the process and of the whole `mpirun`
/// @param message for the user, without a line break at the end
public record ExitStatus(int code, String message) {}
