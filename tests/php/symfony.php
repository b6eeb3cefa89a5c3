<?php
// The reader of our files: Symfony's own Dotenv, EnvVarProcessor, MercureBundle configuration and LcobucciFactory.
//
//   php symfony.php dump <env-file>                            every variable as JSON, as Dotenv reads it
//   php symfony.php dumps < LIST                               the same of each text of a JSON list: values, or refused
//   php symfony.php yaml <file>                                a YAML file as JSON, as Symfony (and Coolify) reads it
//   php symfony.php value <env-file> <text>                    a value of a configuration, such as %env(NAME)%
//   php symfony.php token <env-file> <mercure.yaml> <topic>    a token that may publish and subscribe
//   php symfony.php publish <env-file> <mercure.yaml> <topic>  a private update; prints its id
//   php symfony.php cookie <env-file> <mercure.yaml> <page> <topic>   the Set-Cookie header of that page
//
// SYMFONY is the folder of the packages.
use Symfony\Component\DependencyInjection\{Container, EnvVarProcessor, ParameterBag\EnvPlaceholderParameterBag};
use Symfony\Component\Dotenv\Dotenv;
use Symfony\Component\HttpClient\HttpClient;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\Mercure\{Authorization, Hub, HubRegistry, Update};
use Symfony\Component\Mercure\Jwt\{FactoryTokenProvider, LcobucciFactory};
use Symfony\Component\Yaml\Yaml;

require __DIR__.'/packages.php';

/** A variable behind its processors, by Symfony's own: base64:NAME. */
function variable(string $name): mixed
{
    $processor = new EnvVarProcessor(new Container(new EnvPlaceholderParameterBag()));
    [$prefix, $rest] = str_contains($name, ':') ? explode(':', $name, 2) : [null, $name];

    return $prefix ? $processor->getEnv($prefix, $rest, variable(...)) : $_ENV[$rest];
}

/** The value of a parameter such as %env(base64:NAME)%. */
function parameter(string $text): string
{
    return preg_match('/^%env\(([\w:]+)\)%$/', $text, $found) ? variable($found[1]) : $text;
}

function hub(string $env, string $config): array
{
    (new Dotenv())->overload($env);
    $hub = Yaml::parseFile($config)['mercure']['hubs']['default'];
    $factory = new LcobucciFactory(parameter($hub['jwt']['secret']), $hub['jwt']['algorithm'] ?? 'hmac.sha256');
    $provider = new FactoryTokenProvider($factory, [], [$hub['jwt']['publish']]);

    return [new Hub(parameter($hub['url']), $provider, $factory, parameter($hub['public_url']), HttpClient::create(['timeout' => 10])), $factory];
}

try {
    if ('dump' === $argv[1]) {
        echo json_encode((new Dotenv())->parse(file_get_contents($argv[2]), $argv[2]), JSON_THROW_ON_ERROR);
    } elseif ('dumps' === $argv[1]) {
        $read = function (string $text): array {
            try {
                return ['values' => (object) (new Dotenv())->parse($text)];
            } catch (Throwable $error) {
                return ['refused' => $error->getMessage()];
            }
        };
        echo json_encode(array_map($read, json_decode(stream_get_contents(STDIN), true)), JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
    } elseif ('yaml' === $argv[1]) {
        echo json_encode(Yaml::parseFile($argv[2]), JSON_THROW_ON_ERROR);
    } elseif ('value' === $argv[1]) {
        (new Dotenv())->overload($argv[2]);
        echo json_encode(parameter($argv[3]), JSON_THROW_ON_ERROR);
    } else {
        [$hub, $factory] = hub($argv[2], $argv[3]);
        echo match ($argv[1]) {
            'token' => $factory->create([$argv[4]], ['*']),
            'publish' => $hub->publish(new Update($argv[4], 'from Symfony', true)),
            'cookie' => (string) (new Authorization(new HubRegistry($hub)))->createCookie(Request::create($argv[4]), [$argv[5]]),
        };
    }
} catch (Throwable $error) {
    for (; $error; $error = $error->getPrevious()) {
        fwrite(STDERR, $error::class.': '.$error->getMessage()."\n");
    }
    exit(1);
}
