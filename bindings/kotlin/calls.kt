
// ---- By hand: `bindings/kotlin/mend` puts these in the place of the generator's own calls of ports. ----
//
// The generator's catch `Exception` alone, and not what goes wrong when a value is handed over. An `Error` of a port, or a
// null where a class written in Java promised a value, would end a coroutine that nobody waits for: the call would never
// return, and on Android the app would die.

internal inline fun <T, reified E : Throwable> uniffiTraitInterfaceCallWithError(
    callStatus: UniffiRustCallStatus,
    makeCall: () -> T,
    writeReturn: (T) -> Unit,
    lowerError: (E) -> RustBuffer.ByValue,
) {
    try {
        writeReturn(makeCall())
    } catch (thrown: Throwable) {
        val status = uniffiStatusOf(thrown, lowerError)
        callStatus.code = status.code
        callStatus.error_buf = status.error_buf
    }
}

internal inline fun <T, reified E : Throwable> uniffiTraitInterfaceCallAsyncWithError(
    crossinline makeCall: suspend () -> T,
    crossinline handleSuccess: (T) -> Unit,
    crossinline handleError: (UniffiRustCallStatus.ByValue) -> Unit,
    crossinline lowerError: (E) -> RustBuffer.ByValue,
    uniffiOutDroppedCallback: UniffiForeignFutureDroppedCallbackStruct,
) {
    // A port is called by a future of Rust: there is no scope that this could belong to. When that future is dropped, the
    // job is cancelled.
    @OptIn(DelicateCoroutinesApi::class)
    val job = GlobalScope.launch {
        // Exactly one of the two is heard: `handleSuccess` fails before it has told Rust anything, or not at all.
        try {
            handleSuccess(makeCall())
        } catch (thrown: Throwable) {
            handleError(uniffiStatusOf(thrown) { error: E -> lowerError(error) })
        }
    }
    val handle = uniffiForeignFutureHandleMap.insert(job)
    uniffiOutDroppedCallback.uniffiSetValue(
        UniffiForeignFutureDroppedCallbackStruct(handle, uniffiForeignFutureDroppedCallbackImpl),
    )
}

/** What was thrown, as Rust hears it: an error that the port's interface names, or one that nobody foresaw. */
internal inline fun <reified E : Throwable> uniffiStatusOf(
    thrown: Throwable,
    lowerError: (E) -> RustBuffer.ByValue,
): UniffiRustCallStatus.ByValue {
    if (thrown is E) {
        try {
            return UniffiRustCallStatus.create(UNIFFI_CALL_ERROR, lowerError(thrown))
        } catch (_: Throwable) {
            // One made without what it must hold is one that nobody foresaw.
        }
    }
    val text = try {
        thrown.toString()
    } catch (_: Throwable) {
        thrown.javaClass.name
    }
    return UniffiRustCallStatus.create(UNIFFI_CALL_UNEXPECTED_ERROR, FfiConverterString.lower(text))
}
