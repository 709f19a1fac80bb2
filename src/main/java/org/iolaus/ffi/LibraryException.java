package org.iolaus.ffi;

/// A native library was not found, could not be loaded or lacks a function: which, and where it was searched.
public final class LibraryException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    LibraryException(String message) {
        super(message);
    }

    LibraryException(String message, Throwable cause) {
        super(message, cause);
    }
}
