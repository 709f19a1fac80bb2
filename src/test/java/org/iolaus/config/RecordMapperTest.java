package org.iolaus.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.Stream;
import org.iolaus.data.DatasetConfig;
import org.iolaus.model.Architecture.EnergyScale;
import org.iolaus.model.Architecture.ScaleRule;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;

/// Any configuration, sensible or not, survives being written and read.
final class RecordMapperTest {
    @RepeatedTest(50)
    void whatIsWrittenReadsBackEqual(RepetitionInfo repetition) {
        long seed = repetition.getCurrentRepetition();
        Config config = record(Config.class, RandomGeneratorFactory.getDefault().create(seed));
        String text = Json.print(RecordMapper.write(config));
        assertEquals(config, RecordMapper.read(Config.class, Json.parse(text), ""), "seed " + seed);
    }

    private static <T extends Record> T record(Class<T> type, RandomGenerator random) {
        @Nullable
        Object[] values = Stream.of(type.getRecordComponents())
                .map(component -> component(component, random))
                .toArray();
        return Records.construct(type, values, type.getSimpleName());
    }

    private static @Nullable Object component(RecordComponent component, RandomGenerator random) {
        boolean nullable = component.getAnnotatedType().isAnnotationPresent(Nullable.class);
        return nullable && random.nextBoolean() ? null : value(component.getGenericType(), random);
    }

    private static Object value(Type type, RandomGenerator random) {
        if (type instanceof ParameterizedType generic) {
            Type element = generic.getActualTypeArguments()[0];
            return generic.getRawType() == List.class
                    ? Stream.generate(() -> value(element, random))
                            .limit(random.nextInt(4))
                            .toList()
                    : Map.of("total", "a \"quoted\" name/with ü");
        }
        Class<?> plain = (Class<?>) type;
        if (plain == EnergyScale.class) {
            return random.nextBoolean()
                    ? EnergyScale.of((ScaleRule) value(ScaleRule.class, random))
                    : EnergyScale.of(random.nextDouble());
        }
        if (plain == DatasetConfig.Units.class) {
            return new DatasetConfig.Units("Hartree", "bohr", null, "GPa");
        }
        if (plain.isRecord()) {
            return record(plain.asSubclass(Record.class), random);
        }
        if (plain.isEnum()) {
            Object[] constants = plain.getEnumConstants();
            return constants[random.nextInt(constants.length)];
        }
        if (plain == boolean.class || plain == Boolean.class) {
            return random.nextBoolean();
        }
        if (plain == int.class || plain == Integer.class) {
            return random.nextInt();
        }
        if (plain == long.class || plain == Long.class) {
            return random.nextLong();
        }
        return plain == String.class ? Integer.toString(random.nextInt(), 36) : random.nextGaussian() * 1e-7;
    }
}
