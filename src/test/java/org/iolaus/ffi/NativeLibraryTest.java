package org.iolaus.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {
    @Test
    void aMissingLibraryIsNamedWithThePlacesSearched() {
        Map<String, String> environment =
                Map.of("IOLAUS_CUDA_PATH", "/a:/b", "LD_LIBRARY_PATH", "/c", "CUDA_HOME", "/d");
        String message = assertThrows(
                        LibraryException.class,
                        () -> NativeLibrary.open(
                                "None", List.of("libnone-such.so.9", "libnone-such.so"), List.of(), environment))
                .getMessage();
        for (String part : List.of("None", "libnone-such.so.9", "/a:/b", "/c", "/d/lib64", "/usr/local/cuda/lib64")) {
            assertTrue(message.contains(part), part + " in: " + message);
        }
    }

    @Test
    void aFileThatDoesNotLoadIsNamed(@TempDir Path folder) throws Exception {
        Path broken = Files.writeString(folder.resolve("libnone-such.so"), "not a library");
        String message = assertThrows(
                        LibraryException.class,
                        () -> NativeLibrary.open(
                                "None",
                                List.of("libnone-such.so"),
                                List.of(),
                                Map.of("IOLAUS_CUDA_PATH", folder.toString())))
                .getMessage();
        assertTrue(message.contains(broken + ": "), message);
    }

    @Test
    void findsWhatTheLoaderKnows() throws Throwable {
        NativeLibrary mathematics = NativeLibrary.open("libm", List.of("libm.so.6"), List.of(), Map.of());
        assertEquals("libm.so.6", mathematics.where());
        double root = (double) mathematics
                .function("sqrt", FunctionDescriptor.of(ValueLayout.JAVA_DOUBLE, ValueLayout.JAVA_DOUBLE))
                .invokeExact(2.0);
        assertEquals(Math.sqrt(2), root);
        String message = assertThrows(
                        LibraryException.class, () -> mathematics.function("no_such", FunctionDescriptor.ofVoid()))
                .getMessage();
        assertTrue(message.contains("no_such"), message);
    }
}
