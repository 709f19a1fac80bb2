package org.iolaus.ir;

import java.util.Map;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;

/// Runs one program, on whatever device.
public interface ProgramExecutor extends AutoCloseable {

    /// Runs with whole arrays in and out.
    ///
    /// @return the program's outputs by name
    /// @throws org.iolaus.tensor.ShapeException if an input is missing or its shape is wrong, naming it
    Map<String, HostTensor> run(
            Map<String, HostTensor> floats, Map<String, Index> indices, Map<String, HostTensor> parameters);

    @Override
    void close();
}
