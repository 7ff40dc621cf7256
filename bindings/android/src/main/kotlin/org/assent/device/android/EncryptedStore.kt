package org.assent.device.android

import android.content.Context
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.io.File
import java.security.GeneralSecurityException
import java.security.ProviderException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.assent.device.core.LockException
import org.assent.device.core.SecureStore
import org.assent.device.core.StoreException
import org.assent.device.software.FileLock
import org.assent.device.software.FileStore

/**
 * Documents as files that no back-up takes, encrypted by AES-256-GCM, each with a key of its own in the phone's hardware. Each is
 * bound to its name: one put in another's place is as damaged as one that was altered, and both are `Damaged`. So is one whose
 * key is gone: nothing overwrites it until it is deleted, and no other document is the worse for it.
 *
 * A document is replaced whole or not at all, and is on the disk when `save` returns. A file is a byte that names this format,
 * twelve of nonce, and the ciphertext with its tag.
 */
public class EncryptedStore internal constructor(
    private val folder: File,
    level: Int,
    private val keyPrefix: String,
) : SecureStore {
    private val files: SecureStore = FileStore(folder)
    private val keys = Keys(level)

    /** The store that [androidPorts] uses. */
    public constructor(context: Context) : this(File(home(context), "state"), Build.VERSION.SDK_INT, "assent.state")

    override suspend fun load(name: String): ByteArray? = onDocuments {
        files.load(name)?.let { opened(name, it) }
    }

    override suspend fun save(name: String, content: ByteArray): Unit = onDocuments {
        alone { files.save(name, sealed(name, content)) }
    }

    override suspend fun delete(name: String): Unit = onDocuments {
        alone {
            files.delete(name)
            keys.delete(keyName(name))
        }
    }

    private suspend fun sealed(name: String, content: ByteArray): ByteArray = cipher().run {
        init(Cipher.ENCRYPT_MODE, key(name) ?: newKey(name))
        check(iv.size == NONCE_BYTES) { "the key store has chosen a nonce of ${iv.size} bytes" }
        updateAAD(name.toByteArray())
        byteArrayOf(FORMAT) + iv + doFinal(content)
    }

    private fun opened(name: String, file: ByteArray): ByteArray {
        if (file.size < 1 + NONCE_BYTES + TAG_BITS / 8 || file[0] != FORMAT) {
            throw StoreException.Damaged("not a document of this format")
        }
        return cipher().run {
            init(Cipher.DECRYPT_MODE, key(name) ?: throw gone(), GCMParameterSpec(TAG_BITS, file, 1, NONCE_BYTES))
            updateAAD(name.toByteArray())
            doFinal(file, 1 + NONCE_BYTES, file.size - 1 - NONCE_BYTES)
        }
    }

    private fun keyName(name: String): String = "$keyPrefix.$name"

    private fun key(name: String): SecretKey? = keys[keyName(name)] as SecretKey?

    private fun gone() = StoreException.Damaged("the key of the document is gone")

    /** A key for a document that there is not yet: what is there can be opened by no other key than its own. */
    private suspend fun newKey(name: String): SecretKey {
        if (files.load(name) != null) throw gone()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).run {
            init(spec(name))
            generateKey()
        }
    }

    /** Two that make a key at once, or one that deletes it meanwhile, would leave a document that no key opens. */
    private suspend fun alone(work: suspend () -> Unit) {
        val lock = FileLock(File(folder, "key.lock"))
        lock.acquire()
        try {
            work()
        } finally {
            lock.release()
        }
    }

    private fun spec(name: String): KeyGenParameterSpec =
        KeyGenParameterSpec.Builder(keyName(name), KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setKeySize(KEY_BITS)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .build()

    private suspend fun <T> onDocuments(work: suspend () -> T): T = withContext(Dispatchers.IO) {
        try {
            work()
        } catch (failure: AEADBadTagException) {
            throw StoreException.Damaged(causes(failure).joinToString(": "))
        } catch (failure: GeneralSecurityException) {
            throw StoreException.Failed(causes(failure).joinToString(": "))
        } catch (failure: ProviderException) {
            throw StoreException.Failed(causes(failure).joinToString(": "))
        } catch (failure: LockException) {
            throw StoreException.Failed("another one saves: $failure")
        }
    }
}

private const val FORMAT: Byte = 1
private const val NONCE_BYTES = 12
private const val TAG_BITS = 128
private const val KEY_BITS = 256

private fun cipher(): Cipher = Cipher.getInstance("AES/GCM/NoPadding")
