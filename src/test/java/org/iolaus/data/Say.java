package org.iolaus.data;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.function.Executable;

/// Checks of messages.
public final class Say {
    private Say() {}

    /// The action fails with a [DataException] whose message has all the parts.
    public static void assertSays(Executable action, String... parts) {
        DataException e = assertThrows(DataException.class, action);
        for (String part : parts) {
            assertTrue(e.toString().contains(part), () -> "want '" + part + "' in: " + e);
        }
    }
}
