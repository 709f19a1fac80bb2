package org.iolaus.comm;

/// Ranks cannot be reached, or do not agree.
public final class CommException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public CommException(String message) {
        super(message);
    }

    public CommException(String message, Throwable cause) {
        super(message, cause);
    }
}
