package org.assent.device.android.phone

import java.math.BigInteger
import java.security.cert.CertificateFactory
import java.security.cert.X509Certificate

/** The little of DER that attestation certificates are made of. */
internal object Der {
    fun sequence(vararg parts: ByteArray): ByteArray = value(0x30, *parts)

    fun set(vararg parts: ByteArray): ByteArray = value(0x31, *parts)

    fun integer(number: Long): ByteArray = integer(BigInteger.valueOf(number))

    fun integer(number: BigInteger): ByteArray = value(0x02, number.toByteArray())

    fun enumerated(number: Int): ByteArray = value(0x0a, byteArrayOf(number.toByte()))

    fun octets(bytes: ByteArray): ByteArray = value(0x04, bytes)

    fun bits(bytes: ByteArray, unused: Int = 0): ByteArray = value(0x03, byteArrayOf(unused.toByte()), bytes)

    fun boolean(isTrue: Boolean): ByteArray = value(0x01, byteArrayOf(if (isTrue) -1 else 0))

    fun none(): ByteArray = value(0x05)

    fun text(text: String): ByteArray = value(0x0c, text.toByteArray())

    fun time(digits: String): ByteArray = value(0x17, digits.toByteArray())

    /** `[number] EXPLICIT` */
    fun tagged(number: Int, content: ByteArray): ByteArray = when {
        number < 31 -> value(0xa0 or number, content)
        else -> byteArrayOf(0xbf.toByte()) + base128(number.toLong()) + length(content.size) + content
    }

    fun identifier(dotted: String): ByteArray {
        val arcs = dotted.split('.').map { it.toLong() }
        return value(0x06, byteArrayOf((arcs[0] * 40 + arcs[1]).toByte()), *arcs.drop(2).map(::base128).toTypedArray())
    }

    private fun value(tag: Int, vararg parts: ByteArray): ByteArray {
        val content = parts.fold(ByteArray(0), ByteArray::plus)
        return byteArrayOf(tag.toByte()) + length(content.size) + content
    }

    private fun length(size: Int): ByteArray = when {
        size < 0x80 -> byteArrayOf(size.toByte())
        size < 0x100 -> byteArrayOf(0x81.toByte(), size.toByte())
        else -> byteArrayOf(0x82.toByte(), (size shr 8).toByte(), size.toByte())
    }

    private fun base128(number: Long): ByteArray {
        val groups = generateSequence(number) { it shr 7 }.takeWhile { it > 0 }.map { (it and 0x7f).toInt() }.toList()
        val marked = groups.ifEmpty { listOf(0) }.mapIndexed { index, group -> if (index == 0) group else group or 0x80 }
        return marked.reversed().map { it.toByte() }.toByteArray()
    }
}

internal fun certificate(der: ByteArray): X509Certificate =
    CertificateFactory.getInstance("X.509").generateCertificate(der.inputStream()) as X509Certificate
