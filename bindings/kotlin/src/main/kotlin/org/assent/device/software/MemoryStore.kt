package org.assent.device.software

import java.util.concurrent.ConcurrentHashMap
import org.assent.device.core.SecureStore

/** Documents in memory, for tests: they are gone with the process. */
public class MemoryStore : SecureStore {
    private val documents = ConcurrentHashMap<String, ByteArray>()

    /** The names of all documents. */
    public val names: Set<String> get() = documents.keys.toSet()

    override suspend fun load(name: String): ByteArray? = documents[name]?.copyOf()

    override suspend fun save(name: String, content: ByteArray) {
        documents[name] = content.copyOf()
    }

    override suspend fun delete(name: String) {
        documents.remove(name)
    }
}
