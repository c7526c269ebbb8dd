/// Wrappers for parts of libcurl that Swift cannot import: variadic functions, a union, and constants that are macros.
#define CURL_STRICTER 1
#include <curl/curl.h>

static inline CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode ccurl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode ccurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

/// libcurl copies the body; the size must be set first.
static inline CURLcode ccurl_set_body(CURL *easy, const void *bytes, curl_off_t count) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, count);
    return code ? code : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, bytes);
}

typedef size_t (*ccurl_data_callback)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode ccurl_set_data_callback(
    CURL *easy, CURLoption option, ccurl_data_callback callback) {
    return curl_easy_setopt(easy, option, callback);
}

typedef curl_socket_t (*ccurl_open_callback)(
    void *context, curlsocktype purpose, struct curl_sockaddr *address);

static inline CURLcode ccurl_set_open_callback(CURL *easy, ccurl_open_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

/// Called before each sending of a request, also when libcurl wants to send it again by itself.
static inline CURLcode ccurl_set_sending_callback(CURL *easy, curl_prereq_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callback);
}

/// libcurl copies the bytes; none for NULL.
static inline CURLcode ccurl_set_bytes(
    CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
    return curl_easy_setopt(easy, option, bytes ? &blob : NULL);
}

/// The certificates that the host showed; NULL when none were kept.
static inline struct curl_certinfo *ccurl_get_certificates(CURL *easy) {
    struct curl_certinfo *found = NULL;
    curl_easy_getinfo(easy, CURLINFO_CERTINFO, &found);
    return found;
}

/// The folder of authorities that libcurl was built with, or NULL.
static inline const char *ccurl_machine_authorities(void) {
    curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    return version && version->age >= CURLVERSION_SEVENTH ? version->capath : NULL;
}

#ifdef CURLU_PUNYCODE
static const unsigned int ccurl_ascii_host = CURLU_PUNYCODE;
#else
static const unsigned int ccurl_ascii_host = 0;
#endif

static inline long ccurl_get_long(CURL *easy, CURLINFO info) {
    long value = 0;
    curl_easy_getinfo(easy, info, &value);
    return value;
}

static inline void *ccurl_get_private(CURL *easy) {
    char *value = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &value);
    return value;
}

static inline CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

/// The next finished transfer, or NULL.
static inline CURL *ccurl_next_done(CURLM *multi, CURLcode *result) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}

static inline CURLcode ccurl_global_init(void) { return curl_global_init(CURL_GLOBAL_ALL); }

static const curl_socket_t ccurl_bad_socket = CURL_SOCKET_BAD;
