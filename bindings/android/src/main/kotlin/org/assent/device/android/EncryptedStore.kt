package org.assent.device.android

import android.content.Context
import java.io.File
import org.assent.device.core.SecureStore

/** Documents as encrypted files that no back-up takes. */
public class EncryptedStore internal constructor(folder: File, private val keyName: String) : SecureStore {
    public constructor(context: Context) : this(File(home(context), "state"), "assent.state")

    override suspend fun load(name: String): ByteArray? = TODO()

    override suspend fun save(name: String, content: ByteArray): Unit = TODO()

    override suspend fun delete(name: String): Unit = TODO()
}
