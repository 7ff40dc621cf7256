package org.assent.sample

import org.assent.device.code
import org.assent.device.core.DeviceException

/** What can be offered beside the text of a [Problem]. */
enum class Remedy {
    /** Nothing but to leave. */
    NONE,

    /** The same call once more. */
    TRY_AGAIN,

    /** New keys for the account. */
    NEW_KEYS,

    /** Another enrolment. */
    ENROL_AGAIN,

    /** To forget what is stored and cannot be read. */
    START_ANEW,
}

/**
 * What the user is told of a call that failed.
 *
 * @property code the core's stable word for it, for logs.
 * @property text a string resource in the user's words.
 * @property remedy what is offered.
 */
data class Problem(val code: String, val text: Int, val remedy: Remedy)

/** What to tell the user of this failure. */
fun DeviceException.problem(): Problem = problemOf(code)

/** The same by the failure's stable word, which is all that `sync` says. */
fun problemOf(code: String): Problem = when (code) {
    "not_a_ticket" -> Problem(code, R.string.problem_not_a_ticket, Remedy.NONE)
    "wrong_issuer", "insecure_issuer" -> Problem(code, R.string.problem_wrong_issuer, Remedy.NONE)
    "unfit_name" -> Problem(code, R.string.problem_unfit_name, Remedy.NONE)
    "unreachable" -> Problem(code, R.string.problem_unreachable, Remedy.TRY_AGAIN)
    "server_busy", "proof_not_taken" -> Problem(code, R.string.problem_server_busy, Remedy.TRY_AGAIN)
    "untrusted_certificate" -> Problem(code, R.string.problem_untrusted_certificate, Remedy.TRY_AGAIN)
    "untrusted", "unshowable", "not_our_push", "not_understood" ->
        Problem(code, R.string.problem_untrusted, Remedy.NONE)
    "expired" -> Problem(code, R.string.problem_expired, Remedy.NONE)
    "already_answered" -> Problem(code, R.string.problem_already_answered, Remedy.NONE)
    "withdrawn" -> Problem(code, R.string.problem_withdrawn, Remedy.NONE)
    "unknown_prompt" -> Problem(code, R.string.problem_unknown_prompt, Remedy.NONE)
    "busy" -> Problem(code, R.string.problem_busy, Remedy.TRY_AGAIN)
    "display_not_taken", "display_incomplete" -> Problem(code, R.string.problem_not_all_shown, Remedy.NONE)
    "match_code_needed" -> Problem(code, R.string.problem_match_code_needed, Remedy.NONE)
    "unknown_account", "not_active", "keys_lost" -> Problem(code, R.string.problem_keys_lost, Remedy.ENROL_AGAIN)
    "revoked" -> Problem(code, R.string.problem_revoked, Remedy.ENROL_AGAIN)
    "suspended" -> Problem(code, R.string.problem_suspended, Remedy.ENROL_AGAIN)
    "key_invalidated" -> Problem(code, R.string.problem_key_invalidated, Remedy.NEW_KEYS)
    "key_unavailable" -> Problem(code, R.string.problem_key_unavailable, Remedy.TRY_AGAIN)
    "user_cancelled" -> Problem(code, R.string.problem_user_cancelled, Remedy.TRY_AGAIN)
    "damaged_state" -> Problem(code, R.string.problem_damaged_state, Remedy.START_ANEW)
    "newer_state" -> Problem(code, R.string.problem_newer_state, Remedy.NONE)
    "storage", "clock", "platform" -> Problem(code, R.string.problem_of_the_phone, Remedy.TRY_AGAIN)
    "refused" -> Problem(code, R.string.problem_refused, Remedy.NONE)
    else -> Problem(code, R.string.problem_unknown, Remedy.NONE)
}
