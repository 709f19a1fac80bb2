package org.iolaus.data;

/// Says what is wrong with a user's data: names the file and, where there is one, the dataset, frame or line.
public final class DataException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public DataException(String message) {
        super(message);
    }

    public DataException(String message, Throwable cause) {
        super(message, cause);
    }
}
