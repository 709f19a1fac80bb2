package org.iolaus.data;

/// What a frame is for.
public enum Split {
    TRAIN(0),
    VALIDATION(1),
    TEST(2),
    /// In the shards, but in none of the three.
    UNUSED(3);

    private final byte code;

    Split(int code) {
        this.code = (byte) code;
    }

    /// The number that stands for it in files.
    public byte code() {
        return code;
    }
}
