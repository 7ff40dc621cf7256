plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "org.assent.sample"
    compileSdk = libs.versions.compileSdk.get().toInt()

    defaultConfig {
        applicationId = "org.assent.sample"
        minSdk = libs.versions.minSdk.get().toInt()
        targetSdk = libs.versions.targetSdk.get().toInt()
        versionCode = 1
        versionName = "0.1.0"
        // JNA's archive has more than the library is built for.
        ndk.abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64")
    }

    // `plain` has nothing of Google. `firebase` adds src/firebase, and wants your project's names (README).
    flavorDimensions += "push"
    productFlavors {
        create("plain") { dimension = "push" }
        create("firebase") { dimension = "push" }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }

    // The library as this repository has it. An app of yours takes its AAR instead of these folders.
    sourceSets.getByName("main") {
        kotlin.srcDir("../../../bindings/kotlin/src/main/kotlin")
        kotlin.srcDir("../../../bindings/android/src/main/kotlin")
        kotlin.srcDir("../../../target/android-sample/generated")
        jniLibs.srcDir("../../../target/android/jniLibs")
    }

    // Kotlin follows it.
    compileOptions {
        sourceCompatibility = JavaVersion.toVersion(libs.versions.jvmTarget.get())
        targetCompatibility = JavaVersion.toVersion(libs.versions.jvmTarget.get())
    }
}

dependencies {
    implementation(libs.coroutines.android)
    // With its native half for every kind of phone.
    implementation(variantOf(libs.jna) { artifactType("aar") })
    "firebaseImplementation"(libs.firebase.messaging)
}
