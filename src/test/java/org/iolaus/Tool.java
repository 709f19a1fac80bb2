package org.iolaus;

import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/// A program that some tests need and that a machine may lack. Where it is missing these tests are skipped, or
/// they fail if the property `tests.require` names the tool: `jobs/test.sh` sets `tests.require=mpi,cxx`.
public enum Tool {
    /// `mpirun` of an Open MPI with Java bindings.
    MPI,
    /// A C++ compiler, for the emulated device.
    CXX,
    /// nvcc or NVRTC, for CUDA C++ without a GPU.
    NVRTC;

    /// Ends the test because this tool is missing; does not return.
    ///
    /// @param why what was searched and not found
    public <T> T missing(String why) {
        String name = name().toLowerCase(Locale.ROOT);
        if (List.of(System.getProperty("tests.require", "").split(",")).contains(name)) {
            return Assertions.fail("tests.require=" + name + ": " + why);
        }
        return Assumptions.abort(why);
    }
}
