package org.assent.device.scenarios

import org.assent.device.core.DeviceInfo
import org.assent.device.core.PushTarget

private val INFO = DeviceInfo("A phone", "Kotlin", "any", "org.example.app", "1.0")

/** How phones come to accounts. */
fun enrolmentSteps(cast: Cast): Map<String, Action> = mapOf(
    "enrol" to Action("phone", "user", "account", "state") { step ->
        val (phone, subject) = cast.phone(step) to cast.user(step)
        phone.core.enrol(cast.provider.ticket(subject), INFO, PushTarget.None).use { enrolment ->
            val account = Membership(enrolment.account(), subject, enrolment.digits())
            phone.accounts[step.textOrNull("account") ?: ""] = account
            step.expectState(enrolment.state())
        }
    },
    "type_digits" to Action("phone", "account", "wrong", "state") { step ->
        val phone = cast.phone(step)
        val account = phone.account(step)
        val digits = account.digits ?: error("this enrolment has no digits")
        if (step.isSet("wrong")) {
            cast.provider.typeDigits(account.id, otherThan(digits), expect = 403)
        } else {
            cast.provider.typeDigits(account.id, digits)
        }
        phone.core.enrolment(account.id).use { step.expectState(it.refresh()) }
    },
    "revoke" to Action("phone", "account") { step ->
        val account = cast.phone(step).account(step)
        cast.provider.revoke(account.subject, account.id)
    },
)

/** Digits of the same number that are others. */
fun otherThan(digits: String): String = digits.dropLast(1) + if (digits.last() == '0') '1' else '0'

/** Fails unless the step expects this state, or none. */
fun Step.expectState(found: Enum<*>) {
    val expected = textOrNull("state") ?: return
    check(found.word == expected) { "the state is ${found.word}" }
}
