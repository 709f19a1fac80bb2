package org.iolaus.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5File;
import org.iolaus.ir.Program;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;

/// One case of a golden file: a program of ours, its inputs and parameters, and the results of the reference.
///
/// The program's outputs are named as the file's arrays: those of `outputs` plainly, others with their
/// folder. `docs/verify.md` describes the layouts.
public interface ReferenceCase {

    /// Names of the cases in a file; the file itself, if it is one case, has the empty name.
    static List<String> names(Hdf5File file) {
        if (file.exists("config_json")) {
            return List.of("");
        }
        List<String> names = file.groups("").stream()
                .filter(name -> file.exists(name + "/config_json"))
                .toList();
        if (names.isEmpty()) {
            throw new DataException(file.name() + ": want cases (a group with config_json), got none");
        }
        return names;
    }

    static ReferenceCase open(Hdf5File file, String name) {
        if (!names(file).contains(name)) {
            throw new DataException(file.name() + ": want one of the cases " + names(file) + ", got " + name);
        }
        if (So3Case.recognises(file)) {
            return new So3Case(file);
        }
        return EquiformerCase.recognises(file, name) ? new EquiformerCase(file, name) : new GoldenCase(file, name);
    }

    /// Why this build cannot run the case, if it cannot.
    Optional<String> unsupported();

    /// What the program's parameters and buffers must be.
    Parameters parameters();

    Program program();

    /// Values of the program's inputs.
    Batch batch();

    /// Names of the datasets directly in a folder of the case such as `outputs`; none if it is not there.
    List<String> arrays(String folder);

    /// An array of such a folder.
    HostTensor array(String folder, String name);

    /// All of the reference's parameters and buffers by name.
    Map<String, HostTensor> state();

    /// A batch as programs take it.
    record Batch(Map<String, HostTensor> floats, Map<String, Index> indices) {}

    /// The values that the program wants, from the reference's state.
    ///
    /// @param faults gets a line for each name or shape in which the two differ
    default Map<String, HostTensor> values(List<String> faults) {
        Map<String, HostTensor> state = new LinkedHashMap<>(state());
        Map<String, HostTensor> values = new LinkedHashMap<>();
        parameters().specs().forEach((name, spec) -> {
            HostTensor value = state.remove(name);
            if (value == null) {
                faults.add("params/" + name + ": want an array of the reference, got none");
            } else if (!Arrays.equals(value.shape(), spec.extents())) {
                faults.add("params/" + name + ": want shape " + Arrays.toString(spec.extents()) + ", got "
                        + Arrays.toString(value.shape()));
            } else {
                values.put(name, value);
            }
        });
        parameters().aliases().forEach((alias, name) -> {
            HostTensor value = state.remove(alias);
            HostTensor original = values.get(name);
            if (value == null) {
                faults.add("params/" + alias + ": want an array of the reference, got none");
            } else if (original != null && !Arrays.equals(value.data(), original.data())) {
                faults.add("params/" + alias + ": want the values of " + name + ", got others");
            }
        });
        state.keySet().forEach(name -> faults.add("params/" + name + ": want a parameter of the model, got none"));
        return values;
    }

    /// Datasets of a folder of the file, by name.
    static Map<String, HostTensor> tensors(Hdf5File file, String folder) {
        Map<String, HostTensor> values = new LinkedHashMap<>();
        if (file.isGroup(folder)) {
            List<String> names = new ArrayList<>(file.datasets(folder));
            names.forEach(name -> values.put(name, tensor(file, folder + "/" + name)));
        }
        return values;
    }

    static HostTensor tensor(Hdf5File file, String dataset) {
        return new HostTensor(file.shape(dataset), file.doubles(dataset));
    }
}
