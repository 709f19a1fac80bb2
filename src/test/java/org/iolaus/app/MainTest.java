package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iolaus.comm.CommException;
import org.iolaus.config.ConfigException;
import org.iolaus.cuda.DeviceException;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class MainTest {
    private final CommandRun command = new CommandRun();

    @Test
    void helpListsEveryCommandAndTheExitCodes() {
        assertEquals(0, run("--help"));
        String help = out();
        for (String name : new CommandLine(new Main()).getSubcommands().keySet()) {
            assertTrue(help.contains(name), help);
            assertEquals(0, run(name, "--help"), name);
            assertTrue(out().contains("2   bad input"), out());
        }
    }

    @Test
    void versionNamesTheJavaThatRuns() {
        assertEquals(0, run("--version"));
        assertTrue(out().contains("Java " + Runtime.version()), out());
    }

    @Test
    void aWordThatIsNoCommandIsBadInput() {
        assertEquals(2, run("trian"));
        assertTrue(err().startsWith("iolaus: ") && err().contains("trian"), err());
        assertTrue(err().contains("did you mean train?"), err());
        assertFalse(err().contains("\tat "), err());
    }

    @Test
    void noCommandIsBadInput() {
        assertEquals(2, run());
        assertTrue(err().contains("iolaus: "), err());
    }

    @Test
    void usersErrorsAreOneLineAndOursShowTheStack() {
        var wrong = new ConfigException("a.json, Training.num_epoch: want a whole number, got 'x'");
        assertEquals(2, Failures.describe(wrong, false).code());
        assertEquals(wrong.getMessage(), Failures.describe(wrong, false).message());
        assertTrue(Failures.describe(wrong, true).message().contains("\tat "));
        assertEquals(1, Failures.describe(new CommException("lost"), false).code());
        var noDevice = new DeviceException("device cuda: want a driver", new IllegalStateException());
        assertEquals(noDevice.getMessage(), Failures.describe(noDevice, false).message());
        var ours = Failures.describe(new IllegalStateException("ours"), false);
        assertEquals(1, ours.code());
        assertTrue(
                ours.message().contains("IllegalStateException: ours")
                        && ours.message().contains("\tat "),
                ours.message());
    }

    private int run(String... args) {
        return command.run((Object[]) args);
    }

    private String out() {
        return command.out();
    }

    private String err() {
        return command.err();
    }
}
