package org.assent.device

import org.assent.device.scenarios.Player
import org.assent.device.scenarios.Provider
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory
import org.junit.jupiter.api.assertThrows

/** A scenario that does not come to what it says, or says what nobody understands, is a failure at that step. */
class PlayerTest {
    private val joined = """{"do":"user","user":"a"},{"do":"enrol","phone":"p","user":"a"},{"do":"type_digits","phone":"p"},"""

    @TestFactory
    fun `what fails, and why`(): List<DynamicTest> = listOf(
        """{"do":"dance"}""" to "an unknown step",
        """{"do":"user","user":"a","age":3}""" to "unknown members: [age]",
        """{"do":"pending","phone":"p","requests":[],"error":"not_active"}""" to "it came to success",
        """{"do":"pending","phone":"p","requests":["r"]}""" to "pending is []",
        """{"do":"enrol","phone":"q","user":"a","state":"active"}""" to "the state is unconfirmed",
        """{"do":"accounts","phone":"p","accounts":[{"state":"active","colour":"red"}]}""" to "unknown member: `colour`",
        """{"do":"accounts","phone":"p","accounts":[{"state":"revoked"}]}""" to "`state` is \"active\", not \"revoked\"",
        """{"do":"accounts","phone":"p","accounts":[]}""" to "there are 1 accounts",
        """{"do":"block","phone":"p","client":"nobody","period":"day"}""" to "no step has made `nobody`",
        """{"do":"set","phone":"p","network":"slow"}""" to "`slow` is none of [up, down, loses_replies]",
        """{"do":"rotate","phone":"p","which":["device"],"state":"awaiting"}""" to "the state is done",
    ).map { (step, why) ->
        dynamicTest(step) {
            val file = newFolder().resolve("scenario.json")
            file.writeText("""{"title":"It fails","steps":[$joined$step]}""")
            val failure = assertThrows<AssertionError> { Player(Provider.running, ::SoftwareHandset).play(file) }
            assertTrue(failure.message!!.startsWith("step 4, "), failure.message)
            assertTrue(why in failure.message!!, failure.message)
        }
    }
}
