package org.iolaus.train;

/// A run cannot go on or begin: `<where>: want <contract>, got <value>`.
public final class TrainingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public TrainingException(String message) {
        super(message);
    }
}
