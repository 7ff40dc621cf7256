package org.assent.sample

import java.lang.reflect.Constructor
import org.assent.device.code
import org.assent.device.core.DeviceException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ProblemTest {
    private val failures: List<DeviceException> = DeviceException::class.java.declaredClasses
        .filter { DeviceException::class.java.isAssignableFrom(it) }
        .map { kind -> made(kind.declaredConstructors.maxBy { it.parameterCount }) as DeviceException }

    private fun made(constructor: Constructor<*>): Any {
        constructor.isAccessible = true
        val values = constructor.parameterTypes.map<Class<*>, Any?> { type ->
            when (type) {
                String::class.java -> "any"
                Short::class.java -> 1.toShort()
                Int::class.java -> 1
                else -> null
            }
        }
        return constructor.newInstance(*values.toTypedArray())
    }

    @Test
    fun `every failure of the core has words of its own for the user`() {
        assertTrue(failures.size > 30, failures.toString())
        for (failure in failures) assertNotEquals(R.string.problem_unknown, failure.problem().text, failure.code)
    }

    @Test
    fun `a failure that a later core may bring is told as one that is not known`() {
        assertEquals(Problem("brand_new", R.string.problem_unknown, Remedy.NONE), problemOf("brand_new"))
    }

    @Test
    fun `an invalidated key is offered another, a lost one another enrolment`() {
        assertEquals(Remedy.NEW_KEYS, DeviceException.KeyInvalidated().problem().remedy)
        assertEquals(Remedy.ENROL_AGAIN, DeviceException.KeysLost().problem().remedy)
        assertEquals(Remedy.ENROL_AGAIN, DeviceException.Suspended().problem().remedy)
        assertEquals(Remedy.START_ANEW, DeviceException.DamagedState("half").problem().remedy)
    }
}
