package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.Test;

/// Loading the driver, as far as a machine without a GPU goes.
final class DriverTest {

    /// Other threads read the properties meanwhile, that of the folder for temporary files among them.
    @Test
    void loadingChangesNoPropertyOfTheProcess() {
        List<Object> changed = new ArrayList<>();
        Properties watched = new Properties() {
            @Override
            public synchronized Object put(Object key, Object value) {
                changed.add(key);
                return super.put(key, value);
            }
        };
        Properties before = System.getProperties();
        before.forEach((key, value) -> watched.merge(key, value, (old, given) -> given));
        System.setProperties(watched);
        try {
            Driver.loadBinding();
        } catch (DeviceException e) {
            assertTrue(String.valueOf(e.getMessage()).startsWith("JCuda: want lib"), e::getMessage);
        } finally {
            System.setProperties(before);
        }
        assertEquals(List.of(), changed);
    }

    @Test
    void theBuildPutsTheBindingWhereItIsLookedFor() {
        assertTrue(
                List.of(System.getProperty("java.library.path").split(":")).stream()
                        .anyMatch(folder -> Files.exists(Path.of(folder, System.mapLibraryName(Driver.BINDING)))),
                System.getProperty("java.library.path"));
    }
}
