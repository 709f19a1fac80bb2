package org.iolaus.cuda;

import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/// The checks of [CudaSmoke] that are about right or wrong, on a machine with a GPU.
@Tag("cuda")
class CudaRuntimeTest {
    private static CudaRuntime gpu;

    @BeforeAll
    static void open() {
        gpu = CudaRuntime.open(0, 1, false);
    }

    @AfterAll
    static void close() {
        if (gpu != null) {
            gpu.close();
        }
    }

    @TestFactory
    Stream<DynamicTest> checks() {
        return CudaSmoke.correctness().entrySet().stream()
                .map(check -> DynamicTest.dynamicTest(
                        check.getKey(), () -> check.getValue().run(gpu)));
    }
}
