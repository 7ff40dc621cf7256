// The AAR, as Android developers build one. `aar` calls it, after the native libraries were built; pom.xml is the build that runs
// without Google's tools, and a test holds the two to the same versions.
import org.jetbrains.kotlin.gradle.dsl.JvmTarget

// Android's plugin compiles Kotlin by itself, with the Kotlin that is named here.
buildscript {
    repositories {
        google()
        mavenCentral()
    }
    dependencies {
        classpath("org.jetbrains.kotlin:kotlin-gradle-plugin:2.4.21")
    }
}

plugins {
    // Its R8 is the first that reads what Kotlin 2.4 writes.
    id("com.android.library") version "9.1.0"
}

val built = file("../../target/android")

layout.buildDirectory = file("$built/gradle")

android {
    namespace = "org.assent.device.android"
    compileSdk = 34

    defaultConfig {
        minSdk = 28
        consumerProguardFiles("consumer-rules.pro")
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    sourceSets.getByName("main") {
        kotlin.setSrcDirs(listOf("../kotlin/src/main/kotlin", "src/main/kotlin", "$built/generated"))
        jniLibs.setSrcDirs(listOf("$built/jniLibs"))
    }
    // `aar` has stripped the libraries and checked them; what was checked is what is packed.
    packaging.jniLibs.keepDebugSymbols += "**/libassent_device.so"
}

kotlin {
    compilerOptions.jvmTarget = JvmTarget.JVM_17
}

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-core:1.11.0")
    api("net.java.dev.jna:jna:5.19.1@aar")
}
