package org.iolaus.cuda;

/// A device or one of its libraries failed or is missing: library, call, code, kernel.
public final class DeviceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public DeviceException(String message) {
        super(message);
    }

    public DeviceException(String message, Throwable cause) {
        super(message, cause);
    }
}
